// The photographers' computers: figures as fresh as their reports, and the cameras' clocks.
import { call } from "./api.js";
import { toast } from "./app.js";
import { say } from "./words.js";

const EVERY = 15_000; // ms: as often as the computers report

const box = document.getElementById("photographers");

/** The offset of a form, in seconds. */
function offsetOf({ elements }) {
  return Number(elements.way.value) * (60 * Number(elements.minutes.value) + Number(elements.seconds.value));
}

function fill(form, offset) {
  const size = Math.abs(offset);
  form.elements.way.value = offset < 0 ? "-1" : "1";
  form.elements.minutes.value = Math.floor(size / 60);
  form.elements.seconds.value = size % 60;
  tell(form);
}

/** Show the effect of the offset before it is set. */
function tell(form) {
  const offset = offsetOf(form);
  const parts = { m: Math.floor(Math.abs(offset) / 60), s: Math.abs(offset) % 60 };
  form.querySelector("[data-says]").textContent = say(offset > 0 ? "adds" : offset < 0 ? "takes" : "leaves", parts);
}

async function set(form, seconds) {
  const { event, token } = form.closest("[data-token]").dataset;
  try {
    await call("PATCH", `/api/admin/events/${event}/tokens/${token}`, { clock_offset_s: seconds });
    fill(form, seconds);
    toast(say("set"));
  } catch {
    toast(say("failed"));
  }
}

box.addEventListener("submit", (event) => {
  event.preventDefault();
  set(event.target, offsetOf(event.target));
});
box.addEventListener("input", ({ target }) => tell(target.form));
box.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-offset]");
  if (button) set(button.form, Number(button.dataset.offset));
});

setInterval(async () => {
  // never while somebody edits it
  if (document.hidden || box.contains(document.activeElement)) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return; // the next poll is in 15 s
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  box.replaceChildren(...fresh.getElementById("photographers").childNodes);
}, EVERY);
