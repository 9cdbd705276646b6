// The scroll position in a long gallery, stored in the history entry: Back, a reload and a tab that
// the phone had discarded restore it, however many pages were loaded.
const TOP = 40; // px scrolled; less is the top of the page
const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"];

/**
 * Store which photo is at the top when the page is left, and scroll to it when it is opened again.
 */
export function keepPlace(grid, loadMore) {
  const home = location.pathname;
  // the browser's own restoration uses pixels of a page that is not loaded yet
  history.scrollRestoration = "manual";
  goBack(grid, loadMore);
  const note = () => {
    // while a photo is open, the history entry belongs to that photo
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
  // a guest who scrolls in the meantime wants to be elsewhere
  let busy = false;
  const moved = () => { busy = true; };
  for (const hand of HANDS) addEventListener(hand, moved, { once: true, passive: true });
  const there = () => document.getElementById(place.tile);
  const way = () => edge(there(), "top") - place.top;
  // the photo alone is not enough: the page below it must fill a window's height
  const reachable = () => there() && scrollY + way() + innerHeight <= document.documentElement.scrollHeight;
  while (!reachable() && !busy && await loadMore());
  for (const hand of HANDS) removeEventListener(hand, moved);
  if (there() && !busy) scrollBy({ top: way(), behavior: "instant" });
}
