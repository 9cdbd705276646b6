// A photo's own page: keys, swipes and the share sheet; its links work without scripts.
import { toast } from "./app.js";
import { share } from "./share.js";
import { onSwipe } from "./viewer.js";

const main = document.querySelector("[data-photo]");
const press = (key) => main.querySelector(`[data-key="${key}"]`)?.click();

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // letters can be turned off in the account (WCAG 2.1.4)
  if (event.key.length === 1 && document.documentElement.dataset.letterKeys === "off") return;
  press(event.key.length === 1 ? CSS.escape(event.key.toLowerCase()) : event.key);
});
onSwipe(main.querySelector(".stage"), (step) => press(step > 0 ? "ArrowRight" : "ArrowLeft"));

// a photo opened over the gallery and then loaded anew (a phone puts its tabs away) is this page, but
// to the browser still the gallery's: Back changes the address alone
const { pathname } = location;
addEventListener("popstate", () => location.pathname === pathname || location.reload());

// the details are open without scripts; on a phone they are closed to leave room for the photo
const details = main.querySelector("[data-act=about]");
const about = document.getElementById("about");
const showAbout = (shown) => {
  about.hidden = !shown;
  details.setAttribute("aria-expanded", String(shown));
};
details.hidden = false;
details.addEventListener("click", () => showAbout(about.hidden));
showAbout(matchMedia("(min-width: 900px)").matches);

// if downloads are off, nothing is shared
const button = main.querySelector("[data-act=share]");
button?.toggleAttribute("hidden", false);
button?.addEventListener("click", async () => {
  try {
    const done = await share([main.dataset.preview], location.href);
    if (done === "copied") button.querySelector("span").textContent = button.dataset.done;
  } catch {
    toast(button.dataset.failed);
  }
});
