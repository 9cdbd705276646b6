// Every page: the time zone for the server, dialogs, passwords in the clear, copying.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const secure = location.protocol === "https:" ? "; Secure" : "";
if (zone) document.cookie = `findme_zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;

/** Open a dialog with the focus on its heading, and give the focus back afterwards. */
export function openDialog(dialog) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => before?.isConnected && before.focus(), { once: true });
  dialog.showModal();
  dialog.querySelector("[tabindex='-1']")?.focus();
}

// an open dialog covers everything else; a dialog that opens from another one follows it in the
// page
const raise = (element) => ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(element);
document.addEventListener("close", ({ target }) => {
  const element = document.getElementById("toast");
  if (target.contains(element)) raise(element);
}, { capture: true });

let toastTimer;
/** Show a message for 6 s; *label* and *act* are a button beside it, such as Undo. */
export function toast(text, label, act) {
  const element = document.getElementById("toast");
  raise(element);
  const sentence = document.createElement("span");
  sentence.textContent = text;
  element.replaceChildren(sentence);
  const hide = () => { element.hidden = true; };
  if (act) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link" });
    button.textContent = label;
    button.addEventListener("click", () => { hide(); act(); });
    element.append(button);
  }
  element.hidden = false;
  const stay = () => clearTimeout(toastTimer);
  const leave = () => { stay(); toastTimer = setTimeout(hide, 6000); };
  element.onpointerenter = element.onfocusin = stay;
  element.onpointerleave = element.onfocusout = leave;
  leave();
}

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => openDialog(document.getElementById(button.dataset.open)));
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const button of document.querySelectorAll("[data-reveal]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.reveal);
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}
for (const form of document.querySelectorAll("[data-autosubmit]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.submit());
}
