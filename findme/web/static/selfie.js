// The selfie screen: camera in an oval, live hints, shutter; or a file. It returns a Blob.
import { look, seesFaces, still } from "./coach.js";
import { say } from "./words.js";

const EVERY = 200; // ms between two measurements of the picture
const CALM = 1000; // ms for which a sentence stays at least
const STEADY = 1000; // ms that a good face holds still before the picture is taken by itself
const LONG_SIDE = 1600; // px; the engine reads no more of a selfie
const ASKED = 3000; // ms without an answer to the camera permission before a file is offered too

const AUTOMATIC = "findme.automatic-shutter";

const dialog = document.getElementById("camera");
const video = dialog.querySelector("video");
const taken = dialog.querySelector(".taken");
const mask = dialog.querySelector(".mask");
const pencil = dialog.querySelector(".pencil");
const coach = dialog.querySelector(".coach");
const name = dialog.querySelector(".name");
const hints = dialog.querySelector(".hints");
const automatic = dialog.querySelector("[data-automatic]");

let stream = null;
let timer = null;
let late = null;
let facing = "user";
let picture = null;
let send = null;
let spokenAt = 0;
let looking = false;
let goOn = null;
let lastBox = null;
let stillSince = 0;
// incremented when something else takes over the screen, which a late camera must not do
let turn = 0;

function speak(sentence, { now = false } = {}) {
  if (coach.textContent === sentence || (!now && Date.now() - spokenAt < CALM)) return;
  coach.textContent = sentence;
  spokenAt = Date.now();
}

const draw = (share) => { pencil.style.strokeDashoffset = String(100 - 100 * share); };

function step(name) {
  for (const part of dialog.querySelectorAll("[data-step]")) part.hidden = part.dataset.step !== name;
  hints.hidden = name !== "live";
  video.hidden = name !== "live";
  taken.hidden = name !== "check" && name !== "advice";
  mask.toggleAttribute("hidden", name === "none");
  // the button that was pressed may be hidden by now
  if (document.activeElement?.offsetParent) return;
  dialog.querySelector(`[data-step=${name}]`)?.querySelector(".shutter, .button.main").focus();
}

/** Show the screen; *submit* gets the picture and returns the result. */
export async function takeSelfie(submit) {
  send = submit;
  if (!dialog.open) dialog.showModal();
  await live();
}

export const selfieIsOpen = () => dialog.open;

export function closeSelfie() {
  stop();
  dialog.close();
}

async function live(sentence) {
  stop();
  const mine = turn;
  picture = null;
  name.hidden = true;
  step("wait");
  draw(0);
  late = setTimeout(() => offerFile(sentence ?? say("camera_asks")), ASKED);
  let opened;
  try {
    opened = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 960 } },
    });
  } catch {
    // no camera, no permission, or a page that is not https
    if (mine !== turn) return;
    return offerFile(sentence ?? say("no_camera"));
  }
  if (mine !== turn) return end(opened);
  stream = opened;
  video.srcObject = stream;
  // the shutter comes with the first picture, so that no press is lost
  if (video.readyState < video.HAVE_CURRENT_DATA) {
    await new Promise((ready) => { video.addEventListener("loadeddata", ready, { once: true }); });
  }
  if (mine !== turn) return;
  clearTimeout(late);
  video.classList.toggle("mirrored", facing === "user");
  step("live");
  speak(sentence ?? say("look"), { now: true });
  showFaceHints();
  lastBox = null;
  stillSince = Date.now();
  clearInterval(timer);
  timer = setInterval(judge, EVERY);
}

function offerFile(sentence) {
  clearTimeout(late);
  step("none");
  speak(sentence, { now: true });
}

function stop() {
  turn += 1;
  clearTimeout(late);
  clearInterval(timer);
  end(stream);
  stream = null;
}

function end(old) {
  for (const track of old?.getTracks() ?? []) track.stop();
}

/** Show the coach's hint, and take the picture once a face has held still for a second. */
async function judge() {
  if (!video.videoWidth || looking) return;
  looking = true;
  const mine = turn;
  const seen = await look(video);
  looking = false;
  if (mine !== turn) return;
  tick("light", seen.light);
  tick("sharp", seen.sharp);
  tick("face", Boolean(seen.box));
  showFaceHints();
  draw((seen.light + seen.sharp + (seesFaces() && Boolean(seen.box))) / (seesFaces() ? 3 : 2));
  if (seen.advice || !still(lastBox, seen.box, video)) stillSince = Date.now();
  lastBox = seen.box;
  if (seesFaces() && automatic.checked && Date.now() - stillSince >= STEADY) return shoot();
  if (Date.now() - spokenAt < 3 * CALM) return;
  speak(say(seen.advice ?? (seesFaces() && automatic.checked ? "steady" : "clear")));
}

function showFaceHints() {
  for (const part of dialog.querySelectorAll("[data-sees-faces]")) part.hidden = !seesFaces();
}

const tick = (hint, good) => hints.querySelector(`[data-hint=${hint}]`).classList.toggle("good", good);

async function shoot() {
  const scale = Math.min(1, LONG_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.92); });
  check(new File([blob], "selfie.jpg", { type: "image/jpeg" }), facing === "user");
}

function check(file, mirrored) {
  picture = file;
  stop();
  URL.revokeObjectURL(taken.src);
  taken.src = URL.createObjectURL(file);
  taken.classList.toggle("mirrored", mirrored);
  step("check");
  speak(say("check"), { now: true });
  dialog.querySelector("[data-act=use]").focus();
}

// most browsers cannot show a HEIC from the photo library, but the server can read it
taken.addEventListener("error", () => {
  taken.hidden = true;
  name.textContent = picture?.name ?? "";
  name.hidden = false;
});

async function use(button) {
  if (button.getAttribute("aria-busy") === "true" || !picture) return;
  const label = button.querySelector("span");
  const before = label.textContent;
  button.setAttribute("aria-busy", "true");
  label.textContent = say("sending");
  const { sentence, done, again, onward } = await send(picture);
  goOn = onward ?? null;
  if (done || onward) draw(1);
  // the page is about to change: until then a second tap would send everything again
  if (!done) {
    button.removeAttribute("aria-busy");
    label.textContent = before;
  }
  // if the screen was closed in the meantime, the camera is not needed
  if (!dialog.open) return onward?.();
  if (onward) {
    step("advice");
    speak(sentence, { now: true });
  } else if (again) await live(sentence);
  else if (sentence) speak(sentence, { now: true });
}

const acts = {
  close: closeSelfie,
  shoot,
  use,
  again: () => live(),
  go: () => goOn?.(),
  flip: () => { facing = facing === "user" ? "environment" : "user"; live(); },
  file: () => dialog.querySelector("[data-pick=file]").click(),
  snap: () => dialog.querySelector("[data-pick=snap]").click(),
};
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) acts[button.dataset.act](button);
});
for (const input of dialog.querySelectorAll("[data-pick]")) {
  input.addEventListener("change", () => {
    if (input.files[0]) check(input.files[0], false);
    input.value = "";
  });
}
automatic.checked = localStorage.getItem(AUTOMATIC) !== "off";
automatic.addEventListener("change", () => {
  localStorage.setItem(AUTOMATIC, automatic.checked ? "on" : "off");
  stillSince = Date.now();
});
dialog.addEventListener("close", stop);
