// Groups of faces: the number of chosen ones, and merging and splitting with undo.
import { call, get } from "./api.js";
import { toast } from "./app.js";
import { refresh } from "./swap.js";
import { count, say } from "./words.js";

const EVERY = 3000; // ms between two polls while faces are being sorted
const root = () => document.getElementById("faces");
const base = `/api/admin/events/${root().dataset.event}/group-faces`;

document.documentElement.classList.add("scripted");

const chosen = () => [...document.querySelectorAll("#sheet input:checked")];

function tell() {
  const sheet = document.getElementById("sheet");
  const bar = sheet?.querySelector(".bulk");
  if (!bar) return;
  const n = chosen().length;
  bar.classList.toggle("some", n > 0);
  bar.querySelector("[data-chosen]").textContent = n === 0 ? say("none_chosen") :
    count(sheet.dataset.kind === "merge" ? "chosen_groups" : "chosen_faces", n);
}

const move = (face_ids, group_id) => call("POST", `${base}/move`, { face_ids, group_id });
const facesOf = ({ data }) => data.photos.map((photo) => photo.face_id);

async function merge() {
  const boxes = chosen();
  if (boxes.length < 2) return toast(say("merge_two"));
  // the previous groups, to restore them
  const others = await Promise.all(boxes.slice(1).map(async (box) => ({
    faces: facesOf(await get(`${base}/${box.value}`)), name: box.dataset.name || null,
  })));
  await call("POST", `${base}/merge`, { group_ids: boxes.map((box) => box.value) });
  for (const box of boxes) box.checked = false;
  toast(say("merged"), say("undo"), () => act(async () => {
    for (const { faces, name } of others) {
      const { data } = await move(faces, null);
      if (name) await call("PATCH", `${base}/${data.group_id}`, { name });
    }
    await look();
  }));
  return look();
}

async function split() {
  const faces = chosen().map((box) => box.value);
  if (!faces.length) return toast(say("none_chosen"));
  const { group } = root().dataset;
  const { data } = await call("POST", `${base}/${group}/split`, { face_ids: faces });
  for (const box of chosen()) box.closest("li").remove();
  tell();
  if (!document.querySelector("#sheet li")) return location.assign(location.pathname.replace(group, data.group_id));
  return toast(say("parted"), say("undo"), () => act(async () => {
    await move(faces, group);
    location.reload();
  }));
}

async function act(work) {
  try {
    await work();
  } catch (problem) {
    toast(say(problem.code === "conflict" ? "two_guests" : "failed"));
  }
}

async function look() {
  await refresh();
  tell();
}

document.addEventListener("change", tell);
document.addEventListener("submit", (submitted) => {
  const work = { merge, split }[submitted.submitter?.value];
  if (submitted.target.id !== "sheet") return;
  if (work) {
    submitted.preventDefault();
    act(work);
  } else if (!chosen().length) {
    submitted.preventDefault();
    toast(say("none_chosen"));
  }
});

tell();
setInterval(() => { if (!document.hidden && root().dataset.running) look(); }, EVERY);
