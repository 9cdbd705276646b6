// One uncertain face after the other: yes, no, skip; each answer can be undone.
import { get } from "./api.js";
import { toast } from "./app.js";
import { failed } from "./failing.js";
import { answer } from "./share.js";
import { count, number, photoName, say } from "./words.js";

const main = document.querySelector("[data-maybe]");
const question = main.querySelector("[data-question]");
const settled = main.querySelector("[data-settled]");
const place = document.querySelector("[data-place]");
const said = { me: "said_me", "not-me": "said_not_me" };
// a list that begins further down, after photos that were skipped without scripts, has no position
const placed = place.textContent !== "";
const photos = [];
const added = new Set();
let next = null; // the cursor of the next page
let total = 0;
let at = 0;
let busy = false;

async function load(source) {
  const page = await get(source);
  photos.push(...page.data);
  next = page.next;
  total ||= page.total;
}

/** Show another photo of the list; its page may have to be loaded. */
async function go(to) {
  if (!photos[to] && next) await load(next);
  at = to;
  show();
}

function show() {
  const photo = photos[at];
  question.hidden = !photo;
  settled.hidden = Boolean(photo);
  const of = Math.max(total, photos.length);
  place.textContent = photo && placed ? say("place", { n: number(at + 1), total: number(of) }) : "";
  if (!photo) {
    settled.querySelector("[data-added]").textContent = added.size ? count("added", added.size) : "";
    settled.querySelector("[tabindex]").focus();
    return;
  }
  const picture = question.querySelector(".pic");
  const image = picture.querySelector("img");
  // whole, never cropped: the ring's position is relative to the picture's sides
  picture.style.setProperty("--r", (photo.width / photo.height).toFixed(3));
  picture.style.setProperty("--ph", photo.placeholder);
  image.src = photo.preview_url;
  image.alt = photoName(photo);
  picture.querySelector(".face")?.remove();
  if (photo.face_box) picture.append(ring(photo.face_box));
  question.querySelector("h1").focus();
  if (photos[at + 1]) new Image().src = photos[at + 1].preview_url;
}

// space for hair and chin, and the ring's distance to the edge (web/tiles.py RING, EDGE; a unit test
// keeps both equal)
const RING = { left: ["width", 0.34], top: ["height", 0.28] };
const EDGE = 0.01;

function ring(box) {
  const face = document.createElement("span");
  face.className = "face";
  for (const [side, [length, around]] of Object.entries(RING)) {
    const start = Math.max(EDGE, box[side] - around * box[length]);
    const end = Math.min(1 - EDGE, box[side] + (1 + around) * box[length]);
    face.style[side] = `${(100 * start).toFixed(1)}%`;
    face.style[length] = `${(100 * Math.max(0, end - start)).toFixed(1)}%`;
  }
  return face;
}

async function once(act) {
  if (busy) return;
  busy = true;
  try {
    await act();
  } catch (problem) {
    failed(problem);
  } finally {
    busy = false;
  }
}

const reply = (says) => once(async () => {
  const photo = photos[at];
  await answer(photo.id, says);
  if (says === "me") added.add(photo);
  await go(at + 1);
  toast(say(said[says]), say("undo"), () => takeBack(photo, says));
});

async function takeBack(photo, says) {
  try {
    await answer(photo.id, says, { back: true });
    added.delete(photo);
    at = photos.indexOf(photo);
    show();
  } catch (problem) {
    failed(problem);
  }
}

const skip = () => once(() => go(at + 1));

async function start() {
  await load(main.dataset.source);
  // photos came and went since the page was drawn: the answer is for the photo that is shown
  const drawn = photos.findIndex(({ id }) => id === question.dataset.question);
  if (drawn < 0) show();
  else photos.unshift(...photos.splice(drawn, 1));
  for (const form of question.querySelectorAll("[data-answer]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      reply(form.dataset.answer);
    });
  }
  question.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault();
    skip();
  });
  addEventListener("keydown", (event) => {
    if (question.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    // letters can be turned off in the account (WCAG 2.1.4)
    if (event.key.length === 1 && document.documentElement.dataset.letterKeys === "off") return;
    const does = { o: () => reply("me"), y: () => reply("me"), n: () => reply("not-me"), arrowright: skip };
    does[event.key.toLowerCase()]?.();
  });
  main.dataset.keys = "on";
}

// without the list the page's forms still work
if (question) start().catch(() => {});
