// The form of an event's options: the browser's list of time zones, and a colour that ticks its
// box.
import "./app.js";

const zones = document.getElementById("zones");
zones.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option("", name)));

document.getElementById("accent").addEventListener("input", () => {
  document.getElementById("accented").checked = true;
});
