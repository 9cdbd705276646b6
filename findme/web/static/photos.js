// The contact sheet: uploads by drop, actions on chosen photos, and states that update themselves.
import { call } from "./api.js";
import { openDialog, toast } from "./app.js";
import { setUpDrop } from "./drop.js";
import { refresh } from "./swap.js";
import { count, say } from "./words.js";

const EVERY = 3000; // ms between two polls while photos are being processed
const sheet = document.getElementById("sheet");
const bar = sheet.querySelector(".bulk");
const event = document.getElementById("event").dataset.id;
let sent = false;

document.documentElement.classList.add("scripted");

const boxes = () => [...sheet.querySelectorAll("input[name=ids]")];
const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);

function tell() {
  const n = chosen().length;
  bar.classList.toggle("some", n > 0);
  document.getElementById("chosen").textContent = count("chosen", n);
}

async function look() {
  await refresh();
  tell();
}

// the photos' previous reviews, for undo: they may differ
function reviewsOf(ids) {
  const before = {};
  for (const id of ids) {
    const { review } = document.getElementById(`print-${id}`).dataset;
    (before[review] ??= []).push(id);
  }
  return before;
}

async function undo(before) {
  try {
    for (const [review, ids] of Object.entries(before)) {
      await call("POST", "/api/admin/photos/review", { ids, review });
    }
    toast(say("undone"));
  } catch {
    toast(say("failed"));
  }
  await look();
}

async function act(word, ids) {
  const before = reviewsOf(ids);
  const acts = {
    shown: () => call("POST", "/api/admin/photos/review", { ids, review: "shown" }),
    hidden: () => call("POST", "/api/admin/photos/review", { ids, review: "hidden" }),
    retry: () => call("POST", "/api/admin/photos/retry", { ids }),
    thorough: () => call("POST", "/api/admin/photos/retry", { ids, thorough: true }),
    delete: () => call("POST", "/api/admin/photos/delete", { ids }),
  };
  try {
    const { data } = await acts[word]();
    const done = word === "shown" ? data.visible : data?.queued ?? data?.deleted ?? ids;
    const n = done.length;
    const told = { shown: "did_shown", hidden: "did_hidden", delete: "did_delete" }[word] ?? "did_retry";
    const blind = word === "shown" ? ids.length - n : 0;
    const sentence = [n || !blind ? count(told, n) : "", blind ? count("not_shown", blind) : ""].join(" ").trim();
    if (["shown", "hidden"].includes(word)) toast(sentence, say("undo"), () => undo(before));
    else toast(sentence);
    for (const box of boxes()) box.checked = false;
    sent = true;
    await look();
  } catch {
    toast(say("failed"));
  }
}

sheet.addEventListener("change", tell);
sheet.addEventListener("submit", (submitted) => {
  const word = submitted.submitter?.value;
  const ids = chosen();
  if (!ids.length) {
    submitted.preventDefault();
    toast(say("none_chosen"));
  } else if (word === "delete") {
    submitted.preventDefault();
    const dialog = document.getElementById("delete");
    dialog.querySelector("h2").textContent = count("delete_some", ids.length);
    dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "yes") act("delete", ids); };
    openDialog(dialog);
  } else if (word !== "zip") {
    submitted.preventDefault();
    act(word, ids);
  }
});

const every = document.getElementById("every");
every.hidden = false;
every.addEventListener("click", () => {
  const all = boxes();
  const tick = all.some((box) => !box.checked);
  for (const box of all) box.checked = tick;
  tell();
});

setUpDrop(event, () => { sent = true; look(); });
tell();
setInterval(() => {
  const working = Number(document.querySelector("[data-working]").dataset.working) > 0;
  if (!document.hidden && (working || sent)) {
    sent = working;
    look();
  }
}, EVERY);
