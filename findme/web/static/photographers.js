// The photographers' computers: fresh figures as often as they report, and the cameras' clocks.
import { call } from "./api.js";
import { toast } from "./app.js";
import { say } from "./words.js";

const EVERY = 15_000; // ms: as often as the computers report

const box = document.getElementById("photographers");

async function set(form, seconds) {
  const { event, token } = form.closest("[data-token]").dataset;
  try {
    await call("PATCH", `/api/admin/events/${event}/tokens/${token}`, { clock_offset_s: seconds });
    form.elements.clock_offset_s.value = seconds;
    toast(say("set"));
  } catch {
    toast(say("failed"));
  }
}

box.addEventListener("submit", (event) => {
  event.preventDefault();
  set(event.target, Number(event.target.elements.clock_offset_s.value));
});
box.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-offset]");
  if (button) set(button.form, Number(button.dataset.offset));
});

setInterval(async () => {
  // never under somebody's fingers
  if (document.hidden || box.contains(document.activeElement)) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return; // the next look, in a quarter of a minute
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  box.replaceChildren(...fresh.getElementById("photographers").childNodes);
}, EVERY);
