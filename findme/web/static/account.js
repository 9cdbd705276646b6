// The account: selfies added and removed, and the button that confirms an erasure.
import { call } from "./api.js";
import { openDialog } from "./app.js";
import { failed } from "./failing.js";

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
  } catch (problem) {
    failed(problem);
  }
}

const form = document.querySelector("form[data-erase]");
form?.addEventListener("submit", (event) => {
  const button = form.querySelector("button");
  // a second press while the first is running does nothing
  if (button.getAttribute("aria-busy") === "true") return event.preventDefault();
  button.setAttribute("aria-busy", "true");
  button.textContent = form.dataset.erase;
});
