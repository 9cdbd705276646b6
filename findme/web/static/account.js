// The account: erasing everything, after one question.
import { call } from "./api.js";
import { openDialog } from "./app.js";

const dialog = document.getElementById("erase");
const button = dialog.querySelector("[data-erase]");

button.addEventListener("click", async () => {
  if (button.getAttribute("aria-busy") === "true") return;
  const label = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = button.dataset.busy;
  try {
    await call("DELETE", "/api/me");
    dialog.close();
    const erased = document.getElementById("erased");
    erased.addEventListener("close", () => location.assign("/"));
    openDialog(erased);
  } catch {
    dialog.querySelector(".wrong").hidden = false;
  } finally {
    button.removeAttribute("aria-busy");
    button.textContent = label;
  }
});
