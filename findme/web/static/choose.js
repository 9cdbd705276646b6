// Choosing photos: by the button, a long press, or Space; the dock counts, shares and downloads
// them.
import { photoUrl } from "./grid.js";
import { share, takesFiles } from "./share.js";
import { count, number, say } from "./words.js";
import { toast } from "./app.js";

const LONG = 450; // ms; shorter is a tap
const SHAREABLE = 20; // files that share sheets reliably accept

/** Let photos of the grid be chosen; returns a function that shows the number of all again. */
export function setUpChoosing(main, grid) {
  const button = main.querySelector("[data-choose]");
  const dock = main.querySelector("[data-dock]");
  if (!button || !dock) return () => {};
  const take = dock.querySelector("[data-take]");
  const label = take.querySelector("span");
  const shareButton = dock.querySelector("[data-share]");
  const weight = take.querySelector("[data-weight]");
  const all = take.getAttribute("href");
  let choosing = false;
  let total = null;

  const chosen = () => [...grid.querySelectorAll(".tile.chosen")];
  const idOf = (tile) => tile.id.slice("photo-".length);

  function show() {
    const tiles = chosen();
    if (choosing) {
      label.textContent = count("take_chosen", tiles.length);
      take.href = `${all}&ids=${tiles.map(idOf).join(",")}`;
    } else {
      if (total !== null) label.textContent = count("take", total);
      take.href = all;
    }
    if (weight) showWeight(choosing ? tiles.length : total ?? Number(weight.dataset.of));
    take.toggleAttribute("aria-disabled", choosing && !tiles.length);
    shareButton.hidden = !(choosing && tiles.length && tiles.length <= SHAREABLE && takesFiles());
    dock.querySelector("[data-unchoose]").hidden = !choosing;
    button.setAttribute("aria-pressed", String(choosing));
    grid.classList.toggle("choosing", choosing);
    for (const tile of grid.querySelectorAll(".tile")) {
      if (choosing) {
        tile.setAttribute("role", "checkbox");
        tile.setAttribute("aria-checked", String(tile.classList.contains("chosen")));
      } else {
        tile.classList.remove("chosen");
        tile.removeAttribute("role");
        tile.removeAttribute("aria-checked");
      }
    }
  }

  // from the average size of a photo, since the number of photos keeps growing
  function showWeight(photos) {
    const size = photos * weight.dataset.weight / weight.dataset.of / 1e6;
    weight.textContent = say("weight", { size: number(Math.max(1, Math.round(size))) });
    weight.hidden = !photos;
  }

  function set(on) {
    choosing = on;
    if (!on) for (const tile of chosen()) tile.classList.remove("chosen");
    show();
  }

  function toggle(tile) {
    tile.classList.toggle("chosen");
    show();
  }

  button.hidden = false;
  button.addEventListener("click", () => set(!choosing));
  dock.querySelector("[data-unchoose]").addEventListener("click", () => { set(false); button.focus(); });
  take.addEventListener("click", (event) => {
    if (take.hasAttribute("aria-disabled")) event.preventDefault();
  });
  shareButton.addEventListener("click", async () => {
    try {
      const urls = chosen().map((tile) => photoUrl(idOf(tile), "preview"));
      if (await share(urls, location.href) === "copied") toast(say("link_copied"));
    } catch {
      toast(say("failed"));
    }
  });
  // before the viewer handles the click
  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!choosing || !tile) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    toggle(tile);
  }, { capture: true });
  grid.addEventListener("keydown", (event) => {
    if (!choosing || event.key !== " ") return;
    event.preventDefault();
    const tile = event.target.closest(".tile");
    if (tile) toggle(tile);
  });

  let press = null;
  grid.addEventListener("pointerdown", (event) => {
    const tile = event.target.closest(".tile");
    if (event.pointerType !== "touch" || choosing || !tile) return;
    press = setTimeout(() => { set(true); toggle(tile); swallowNextClick(); }, LONG);
  });
  for (const end of ["pointerup", "pointermove", "pointercancel"]) {
    grid.addEventListener(end, (event) => {
      if (end !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 6) clearTimeout(press);
    });
  }
  grid.addEventListener("contextmenu", (event) => choosing && event.preventDefault());
  function swallowNextClick() {
    const swallow = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
    addEventListener("click", swallow, { capture: true, once: true });
    addEventListener("pointerup", () => setTimeout(() => removeEventListener("click", swallow, { capture: true })), { once: true });
  }

  return (n) => { total = n; show(); };
}
