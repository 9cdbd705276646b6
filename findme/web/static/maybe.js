// One uncertain face after the other: yes, no, skip; each answer can be taken back.
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
let photos = [];
let at = 0;
let added = 0;
let busy = false;

function show() {
  const photo = photos[at];
  question.hidden = !photo;
  settled.hidden = Boolean(photo);
  place.textContent = photo ? say("place", { n: number(at + 1), total: number(photos.length) }) : "";
  if (!photo) {
    settled.querySelector("[data-added]").textContent = added ? count("added", added) : "";
    settled.querySelector("[tabindex]").focus();
    return;
  }
  const picture = question.querySelector(".pic");
  const image = picture.querySelector("img");
  // whole, never cut: the ring is placed by the picture's own sides
  picture.style.setProperty("--r", (photo.width / photo.height).toFixed(3));
  picture.style.setProperty("--ph", photo.placeholder);
  image.src = photo.preview_url;
  image.alt = photoName(photo);
  picture.querySelector(".face")?.remove();
  if (photo.face_box) picture.append(ring(photo.face_box));
  question.querySelector("h1").focus();
  if (photos[at + 1]) new Image().src = photos[at + 1].preview_url;
}

// room for hair and chin, and what a ring keeps from the picture's edge (tiles.ring_of)
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

async function reply(says) {
  const photo = photos[at];
  if (busy || !photo) return;
  busy = true;
  try {
    await answer(photo.id, says);
    if (says === "me") added += 1;
    at += 1;
    show();
    toast(say(said[says]), say("undo"), () => takeBack(photo, says));
  } catch (problem) {
    failed(problem);
  } finally {
    busy = false;
  }
}

async function takeBack(photo, says) {
  try {
    await answer(photo.id, says, { back: true });
    if (says === "me") added -= 1;
    at = photos.indexOf(photo);
    show();
  } catch (problem) {
    failed(problem);
  }
}

function skip() {
  at += 1;
  show();
}

async function start() {
  photos = (await get(main.dataset.source)).data;
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
}

// without its list the page is one of forms, and they work
if (question) start().catch(() => {});
