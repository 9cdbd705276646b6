// The list of events: creating one.
import { Problem, call } from "./api.js";
import "./app.js";

const form = document.getElementById("create-form");
const button = form.querySelector("[data-failed]");

// after the browser's Back button, another event can be created
addEventListener("pageshow", () => { button.disabled = false; });

function refuse(sentence) {
  const wrong = form.querySelector(".wrong");
  wrong.querySelector("span").textContent = sentence;
  wrong.hidden = false;
  button.disabled = false;
}

// the field has a local time, the API expects a time with its zone
const moment = (text) => (text ? new Date(text).toISOString() : null);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, kind, starts_at, expires_at, gallery, faces } = Object.fromEntries(new FormData(form));
  if (expires_at && new Date(expires_at) < Math.max(new Date(), new Date(starts_at || 0))) {
    form.elements.expires_at.focus();
    return refuse(button.dataset.early);
  }
  // a second press would create a second event
  button.disabled = true;
  try {
    const { data } = await call("POST", "/api/admin/events", {
      name, kind, gallery, faces, starts_at: moment(starts_at), expires_at: moment(expires_at),
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
    location.assign(`/admin/events/${data.id}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    refuse(button.dataset.failed);
  }
});
