// One photo over the gallery, at its own address (#photo-7): Back closes it.
import { clock, number, say } from "./words.js";

const SWIPE = 48; // px; less is a tap that slipped

/** Open tiles of the grid in the dialog; total() is how many photos the shelf holds. */
export function setUpViewer(grid, { total, wantMore }) {
  const dialog = document.getElementById("viewer");
  const image = dialog.querySelector(".stage img");
  const place = dialog.querySelector(".count");
  const original = dialog.querySelector("[data-original]");
  const turns = { back: dialog.querySelector("[data-act=back]"), on: dialog.querySelector("[data-act=on]") };
  let shown = null;
  let pushed = false;

  const tiles = () => [...grid.querySelectorAll(".tile")];

  function show(tile) {
    const all = tiles();
    const at = all.indexOf(tile);
    shown = tile;
    image.src = tile.href;
    image.alt = tile.querySelector("img").alt;
    image.style.background = tile.style.getPropertyValue("--ph");
    image.onload = () => { image.style.background = ""; };
    place.textContent = say("place", { n: number(at + 1), total: number(Math.max(total(), all.length)) });
    dialog.querySelector("[data-when]").textContent = clock(new Date(tile.dataset.when));
    original.href = tile.dataset.original;
    turns.back.hidden = at === 0;
    turns.on.hidden = at === all.length - 1;
    for (const neighbour of [all[at + 1], all[at - 1]]) if (neighbour) new Image().src = neighbour.href;
    if (at > all.length - 6) wantMore();
  }

  function open(tile, { push }) {
    show(tile);
    if (!dialog.open) dialog.showModal();
    place.focus();
    if (push) history.pushState({ viewer: true }, "", `#${tile.id}`);
    pushed = push;
  }

  function turn(step) {
    const to = tiles()[tiles().indexOf(shown) + step];
    if (!to) return;
    show(to);
    history.replaceState(history.state, "", `#${to.id}`);
  }

  function close() {
    if (pushed) history.back();
    else {
      history.replaceState(null, "", location.pathname + location.search);
      dialog.close();
    }
  }

  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    // a new tab or window is the browser's business
    if (!tile || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(tile, { push: true });
  });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("close", () => { shown?.focus(); shown?.scrollIntoView({ block: "nearest" }); });
  dialog.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "close") close();
    if (act === "back") turn(-1);
    if (act === "on") turn(1);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
    if (event.key === "d" || event.key === "D") original.click();
  });
  addEventListener("popstate", () => {
    const tile = tileOfAddress();
    if (tile) open(tile, { push: false });
    else if (dialog.open) dialog.close();
  });

  let start = null;
  const stage = dialog.querySelector(".stage");
  stage.addEventListener("touchstart", ({ touches }) => {
    start = touches.length === 1 ? touches[0].clientX : null;
  }, { passive: true });
  stage.addEventListener("touchend", ({ changedTouches }) => {
    const moved = start === null ? 0 : changedTouches[0].clientX - start;
    if (Math.abs(moved) > SWIPE) turn(moved > 0 ? -1 : 1);
  }, { passive: true });

  function tileOfAddress() {
    const id = location.hash.slice(1);
    return id.startsWith("photo-") ? document.getElementById(id) : null;
  }
  const first = tileOfAddress();
  if (first) open(first, { push: false });
}
