// Joining: check the form, take the selfie, send both, show the result.
import { Problem, call } from "./api.js";
import { showLink } from "./keep_link.js";
import { closeSelfie, selfieIsOpen, takeSelfie } from "./selfie.js";
import { has, say } from "./words.js";

// errors that another picture can fix; all others are about the form
const PICTURE = new Set(["no_face", "several_faces", "poor_quality", "not_alike", "invalid_image", "unsupported_image", "unreadable_image", "image_too_large", "upload_too_large"]);
const DRAWN = 700; // ms: the pencil's circle is complete

let link = null; // the key of a guest without an account, until it is shown

const form = document.getElementById("join");
const summary = document.getElementById("summary");

function fault(field) {
  if (field.type === "checkbox") return field.checked ? null : "consent_required";
  return field.validity.valid ? null : field.name;
}

/** Mark the wrong fields; true if there are none. */
function look() {
  const folded = form.querySelector("[data-account]");
  // an opened account section must be complete; a closed one means no account
  for (const field of folded?.querySelectorAll("input") ?? []) {
    if (!folded.open) field.value = "";
    field.required = folded.open;
    if (!folded.open) mark(field, null);
  }
  const fields = [...form.querySelectorAll("input[required]")].filter((field) => field.type !== "file");
  const wrong = fields.filter((field) => fault(field));
  for (const field of fields) mark(field, wrong.includes(field) && fault(field));
  summary.hidden = wrong.length === 0;
  if (wrong.length) {
    summary.querySelector("div").textContent = [...new Set(wrong.map(fault))].map((code) => say(code)).join(" ");
    wrong[0].focus();
  }
  return wrong.length === 0;
}

/** Show a field's error below it; without a code, remove it. */
function mark(field, code) {
  const id = `${field.name}-wrong`;
  document.getElementById(id)?.remove();
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((name) => name && name !== id);
  if (code && has(code)) {
    const sentence = Object.assign(document.createElement("p"), { id, className: "wrong", textContent: say(code) });
    field.closest(".field, .consent").append(sentence);
    others.push(id);
  }
  field.setAttribute("aria-describedby", others.join(" "));
  if (code) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

async function send(picture) {
  const data = new FormData(form);
  data.set("selfie", picture, picture.name);
  try {
    const { data: answer } = await call(form.dataset.method, form.dataset.action, data);
    const status = answer?.selfie?.status ?? answer?.status;
    link = answer?.key_url ?? link;
    const poor = (answer?.selfie?.advice ?? []).map((problem) => `advice_${problem}`).find(has);
    if (poor) {
      // they have joined: another picture only replaces this one
      if (answer.event) form.dataset.action = `/api/me/events/${answer.event.id}/selfie`;
      form.dataset.method = form.dataset.action.endsWith("/selfies") ? "POST" : "PUT";
      return { sentence: say(poor), onward };
    }
    setTimeout(onward, DRAWN);
    return { done: true, sentence: say(status === "pending" ? "pending" : "accepted") };
  } catch (problem) {
    if (problem instanceof Problem) return refused(problem) ?? {};
    throw problem;
  }
}

const onward = () => (link ? keep(link) : leave());

function leave() {
  // somebody who comes Back to this cached page has joined already
  addEventListener("pageshow", () => location.reload(), { once: true });
  location.assign(form.dataset.next);
}

/** Show the link that is this guest's key, in place of the form. */
function keep(link) {
  closeSelfie();
  const main = document.getElementById("main");
  main.replaceChildren(document.getElementById("key-card").content.cloneNode(true));
  showLink(main, link);
  main.querySelector("h2").focus();
}

function refused({ status, code, document: { problems = [], field } }) {
  // signed out, or the event is gone: the server's page says what to do
  if (status === 401 || status === 404) return location.reload();
  const key = problems.find(has) ?? [code, field].find((name) => name && has(name)) ?? "failed";
  const tried = code === "offline" || code === "failed";
  if (selfieIsOpen()) {
    if (PICTURE.has(code)) return { again: true, sentence: say(key) };
    if (tried) return { sentence: say(key) };
    closeSelfie();
  }
  // the selfie is deleted with its screen, and cannot be sent again
  const sentence = tried ? "failed" : field && has(field) && !PICTURE.has(code) ? field : key;
  summary.querySelector("div").textContent = say(sentence);
  summary.hidden = false;
  const input = form.elements[field ?? (code === "consent_required" ? "consent" : code === "email_taken" ? "email" : "")];
  if (input?.setAttribute) mark(input, code);
  (input?.focus ? input : summary).focus();
  return {};
}

form?.addEventListener("submit", (event) => {
  if (form.elements.selfie?.files?.length) return; // the plain form, filled in without the camera
  event.preventDefault();
  if (look()) takeSelfie(send);
});
form?.addEventListener("input", ({ target }) => target.getAttribute("aria-invalid") && mark(target, fault(target)));
