// The form of choices: the zones that the browser knows, and a colour that ticks its box.
import "./app.js";

const zones = document.getElementById("zones");
zones.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option("", name)));

document.getElementById("accent").addEventListener("input", () => {
  document.getElementById("accented").checked = true;
});
