// The account: one selfie more or less, and erasing everything, after one question.
import { call } from "./api.js";
import { openDialog, toast } from "./app.js";
import { say } from "./words.js";

for (const link of document.querySelectorAll("[data-add]")) link.hidden = false;

const question = document.getElementById("remove");
for (const cross of document.querySelectorAll("[data-remove]")) {
  cross.hidden = false;
  cross.addEventListener("click", () => {
    question.returnValue = "";
    question.onclose = () => question.returnValue === "yes" && remove(cross.dataset.remove);
    openDialog(question);
  });
}

async function remove(url) {
  try {
    await call("DELETE", url);
    location.reload();
  } catch {
    toast(say("failed"));
  }
}

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
