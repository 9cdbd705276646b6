// A guest's new link: copied with one press.
import { letCopy } from "./share.js";

for (const button of document.querySelectorAll("[data-copies]")) {
  letCopy(button, document.getElementById(button.dataset.copies));
}
