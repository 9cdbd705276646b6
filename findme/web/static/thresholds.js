// The threshold preview: sliders beside the fields, and figures that follow while they move.
import { toast } from "./app.js";
import { refresh } from "./swap.js";
import { say } from "./words.js";

const WAIT = 200; // ms without a change before the server is asked
const form = document.getElementById("trial");
const crossed = document.getElementById("crossed");
const fields = { sure: form.elements.sure, maybe: form.elements.maybe };
let timer;

form.querySelector("[data-try]").hidden = true;

for (const slider of form.querySelectorAll("[data-slides]")) {
  const field = fields[slider.dataset.slides];
  slider.hidden = false;
  slider.addEventListener("input", () => { field.value = slider.value; follow(); });
  field.addEventListener("input", () => { slider.value = field.value; follow(); });
}

function wrong() {
  crossed.hidden = !(Number(fields.maybe.value) > Number(fields.sure.value));
  return !crossed.hidden;
}

function follow() {
  clearTimeout(timer);
  if (wrong() || !form.checkValidity()) return;
  timer = setTimeout(() => {
    const query = new URLSearchParams({ sure: fields.sure.value, maybe: fields.maybe.value, near: form.elements.near.value });
    history.replaceState(null, "", `${location.pathname}?${query}`);
    refresh().catch(() => toast(say("failed")));
  }, WAIT);
}

form.addEventListener("submit", (submitted) => {
  if (submitted.submitter?.value !== "save" || !wrong()) return;
  submitted.preventDefault();
  fields.maybe.focus();
});
