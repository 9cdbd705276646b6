// The heart of a photo, and the dialog that reports it.
import { call } from "./api.js";
import { openDialog, toast } from "./app.js";
import { failed } from "./failing.js";
import { say } from "./words.js";

/** The viewer's actions that mark the photo current(); onMarked(on) is called afterwards. */
export function setUpMarks(viewer, { current, idOf, onMarked }) {
  const heart = viewer.querySelector("[data-act=favourite]");
  const question = document.getElementById("report");
  const form = question.querySelector("form");

  function show(tile) {
    heart.setAttribute("aria-pressed", String("favourite" in tile.dataset));
  }

  async function favourite() {
    const tile = current();
    const on = !("favourite" in tile.dataset);
    try {
      await call(on ? "PUT" : "DELETE", `/api/photos/${idOf(tile)}/favourite`);
    } catch (problem) {
      failed(problem);
      return;
    }
    if (on) tile.dataset.favourite = "";
    else delete tile.dataset.favourite;
    if (tile === current()) show(tile);
    onMarked(on);
  }

  function report() {
    form.reset();
    openDialog(question);
  }

  form.querySelector("[data-cancel]").addEventListener("click", () => question.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { reason, note } = Object.fromEntries(new FormData(form));
    try {
      await call("POST", `/api/photos/${idOf(current())}/report`, { reason, note });
      question.close();
      toast(say("reported"));
    } catch (problem) {
      failed(problem);
    }
  });

  return { show, acts: { favourite, report } };
}
