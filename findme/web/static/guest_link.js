// A guest's new link: copied with one press.
import { copy } from "./share.js";

for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  field.addEventListener("focus", () => field.select());
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(field.value);
    button.querySelector("span").textContent = button.dataset.copied;
  });
}
