// Where somebody was in a long gallery, kept with its entry in the history: coming Back, a reload and
// a tab that the phone had put away lead there again, however many pages were scrolled through.
const TOP = 40; // px scrolled; less is the top of the page
const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"];

/** Note which photo is at the top when the page is left, and go there where it is opened again. */
export function keepPlace(grid, loadMore) {
  const home = location.pathname;
  // the browser's own way knows pixels of a page that is not there yet
  history.scrollRestoration = "manual";
  goBack(grid, loadMore);
  const note = () => {
    // with a photo open the entry is that photo's own
    if (location.pathname !== home) return;
    const first = scrollY < TOP ? null : [...grid.querySelectorAll(".tile")].find((tile) => edge(tile, "bottom") > 0);
    const place = first && { tile: first.id, top: edge(first, "top") };
    history.replaceState({ ...history.state, place }, "");
  };
  addEventListener("pagehide", note);
  document.addEventListener("visibilitychange", () => document.hidden && note());
  grid.addEventListener("click", note, { capture: true });
}

const edge = (tile, side) => tile.getBoundingClientRect()[side];

async function goBack(grid, loadMore) {
  const place = history.state?.place;
  if (!place) return;
  // who scrolls meanwhile has another wish
  let busy = false;
  const moved = () => { busy = true; };
  for (const hand of HANDS) addEventListener(hand, moved, { once: true, passive: true });
  const there = () => document.getElementById(place.tile);
  const way = () => edge(there(), "top") - place.top;
  // the photo alone is not enough: below it the page must go on for a window's height
  const reachable = () => there() && scrollY + way() + innerHeight <= document.documentElement.scrollHeight;
  while (!reachable() && !busy && await loadMore());
  for (const hand of HANDS) removeEventListener(hand, moved);
  if (there() && !busy) scrollBy({ top: way(), behavior: "instant" });
}
