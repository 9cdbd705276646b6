// The list of events: making one.
import { Problem, call } from "./api.js";
import "./app.js";

const form = document.getElementById("create-form");

// the field says local time, the API wants it with its zone
const moment = (text) => (text ? new Date(text).toISOString() : null);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, starts_at, expires_at, gallery } = Object.fromEntries(new FormData(form));
  try {
    const { data } = await call("POST", "/api/admin/events", {
      name, gallery, starts_at: moment(starts_at), expires_at: moment(expires_at),
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
    location.assign(`/admin/events/${data.id}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const wrong = form.querySelector(".wrong");
    wrong.querySelector("span").textContent = form.querySelector("[data-failed]").dataset.failed;
    wrong.hidden = false;
  }
});
