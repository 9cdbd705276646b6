// The live wall: one photo after the other, for hours; new ones first.
import { get } from "./api.js";
import { emptiest, place } from "./corners.js";
import { count, photoName, say } from "./words.js";

const SLIDE = 8000; // ms that a photo stays
const LOOK = 4000; // ms between two polls for new photos
const LONGEST = 30_000; // ms between two polls while the network is away
const FADE = 900; // ms, wall.css's `arrive`
const FRESH = 12 * 3600_000; // ms: the time of older photos is not shown
const AWAKE = 3000; // ms that the controls stay after the pointer has moved

const main = document.querySelector("[data-wall]");
const slides = main.querySelector("[data-slides]");
const card = main.querySelector("[data-card]");
const marks = [...main.querySelectorAll("[data-marks] i")];
const taken = main.querySelector("[data-taken]");
const pauseButton = main.querySelector("[data-pause]");
const fullButton = main.querySelector("[data-full]");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang);

const limit = Number(main.dataset.round);
let photos = []; // the newest first, at most `limit`
const turns = new Map(); // id → the turn in which it was last on the wall
let turn = 0;
let total = 0;
let current = null;
let timer = null;
let loading = false;
let paused = false;
let offline = false;
let over = false;

// -- the show ----------------------------------------------------------------------------------

/** The next photo: the newest that was never shown; else the one that was not shown for longest. */
function choose() {
  let best = null;
  for (const photo of photos) {
    if (photo === current && photos.length > 1) continue;
    if (!best || (turns.get(photo.id) ?? 0) < (turns.get(best.id) ?? 0)) best = photo;
  }
  return best;
}

async function next() {
  clearTimeout(timer);
  if (over || paused || loading) return;
  const photo = choose();
  if (!photo) return;
  loading = true;
  const image = new Image();
  image.src = photo.preview_url;
  try {
    await image.decode();
    show(photo, image);
  } catch {
    // hidden or deleted; or the network is away, and the photo waits
    if (!offline) photos = photos.filter((other) => other !== photo);
  } finally {
    loading = false;
  }
  timer = setTimeout(next, current === photo ? SLIDE : 500);
}

function show(photo, image) {
  turn += 1;
  turns.set(photo.id, turn);
  current = photo;
  const screen = { width: innerWidth, height: innerHeight };
  const placed = place(photo, screen);
  const slide = document.createElement("figure");
  slide.className = "slide";
  slide.dataset.photo = photo.id;
  slide.style.setProperty("--ph", photo.placeholder);
  image.alt = photoName({ ...photo, uploaded_at: photo.shown_at, faces: photo.faces.length });
  image.style.objectPosition = `50% ${placed.position}%`;
  if (placed.whole) slide.append(blurred(image));
  slide.classList.toggle("whole", placed.whole);
  slide.append(image);
  slides.append(slide);
  const before = [...slides.children].slice(0, -1);
  setTimeout(() => { for (const old of before) old.remove(); }, still.matches ? 0 : FADE);
  if (card) main.dataset.corner = emptiest(placed.faces, card, screen, main.dataset.corner);
  marks.forEach((mark, index) => mark.classList.toggle("on", index === (turn - 1) % marks.length));
  showTime();
}

function blurred(image) {
  const canvas = document.createElement("canvas");
  canvas.width = 32;
  canvas.height = 18;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function showTime() {
  const age = current?.taken_at ? Date.now() - new Date(current.taken_at) : Infinity;
  // a camera's clock may be ahead, or wrong by years
  taken.hidden = age > FRESH || age < -60_000;
  if (taken.hidden) return;
  const [value, unit] = age < 60_000 ? [Math.ceil(age / 10_000) * 10, "second"]
    : age < 3600_000 ? [Math.round(age / 60_000), "minute"] : [Math.round(age / 3600_000), "hour"];
  taken.textContent = age < 10_000 ? say("new") : say("taken", { ago: ago.format(-value, unit) });
}

// -- what is new -------------------------------------------------------------------------------

async function look(wait = LOOK) {
  let following = LOOK;
  try {
    await ask();
    offline = false;
  } catch (problem) {
    if (problem.status === 404) return end();
    offline = true;
    following = Math.min(2 * wait, LONGEST);
  }
  main.querySelector("[data-offline]").textContent = offline ? say("wall_offline") : "";
  showTime();
  setTimeout(() => look(following), following);
}

async function ask() {
  const first = photos[0];
  const after = first ? `&after=${encodeURIComponent(first.shown_at)}` : "";
  let page = await get(`${main.dataset.source}?limit=${limit}${after}`);
  const known = new Set(photos.map(({ id }) => id));
  const fresh = page.data.filter(({ id }) => !known.has(id));
  if (first && page.total === total + fresh.length) {
    photos = [...fresh, ...photos].slice(0, limit);
  } else {
    // some photos are gone: the wall's list is no longer what guests see
    if (first) page = await get(`${main.dataset.source}?limit=${limit}`);
    const same = new Map(photos.map((photo) => [photo.id, photo]));
    photos = page.data.map((photo) => same.get(photo.id) ?? photo);
  }
  total = page.total;
  const kept = new Set(photos.map(({ id }) => id));
  for (const id of turns.keys()) if (!kept.has(id)) turns.delete(id);
  if (total) main.querySelector("[data-total]").textContent = count("so_far", total);
  if (current && !kept.has(current.id) && turn && total <= photos.length) takeDown();
  if (!current) next();
}

/** The photo on the wall was hidden or deleted. */
function takeDown() {
  current = null;
  slides.replaceChildren();
  taken.hidden = true;
}

function end() {
  over = true;
  clearTimeout(timer);
  main.remove();
  const last = document.querySelector("[data-over]");
  last.hidden = false;
  last.querySelector("h1").focus();
}

// -- whoever stands before it ------------------------------------------------------------------

function pause() {
  paused = !paused;
  pauseButton.setAttribute("aria-pressed", String(paused));
  if (!paused) next();
  else clearTimeout(timer);
}

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

let asleep = null;
function wake() {
  main.classList.add("awake");
  clearTimeout(asleep);
  asleep = setTimeout(() => main.classList.remove("awake"), AWAKE);
}

async function keepScreenOn() {
  if (document.hidden) return;
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // the device saves its battery, so its own settings decide
  }
}

pauseButton.hidden = false;
pauseButton.addEventListener("click", pause);
fullButton.hidden = !document.fullscreenEnabled;
fullButton.addEventListener("click", fill);
addEventListener("pointermove", wake, { passive: true });
addEventListener("keydown", (event) => {
  wake();
  if (event.key === " " && event.target.tagName !== "BUTTON") {
    event.preventDefault();
    pause();
  }
});
document.addEventListener("visibilitychange", keepScreenOn);
keepScreenOn();
look();
