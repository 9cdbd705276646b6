// The account: erasing everything, after one question.
import { call } from "./api.js";

const dialog = document.getElementById("erase");
const button = dialog.querySelector("[data-erase]");

button.addEventListener("click", async () => {
  if (button.getAttribute("aria-busy") === "true") return;
  const label = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = button.dataset.busy;
  try {
    const { location: receipt } = await call("DELETE", "/api/me");
    // replace: there is no account to come back to
    location.replace(receipt);
  } catch {
    dialog.querySelector(".wrong").hidden = false;
  } finally {
    button.removeAttribute("aria-busy");
    button.textContent = label;
  }
});
