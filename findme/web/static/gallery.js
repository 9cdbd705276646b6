// The gallery stays current: further pages on scrolling, new photos and numbers as they come.
import { get } from "./api.js";
import { setUpChoosing } from "./choose.js";
import { makeTile, mergeNewest, moveByKeys } from "./grid.js";
import { setHeadings } from "./hours.js";
import { listen } from "./live.js";
import { keepPlace } from "./place.js";
import { showProgress } from "./progress.js";
import { setUpViewer } from "./viewer.js";
import { count, number, say } from "./words.js";

const CALM = 1000; // ms between two requests for the newest photos of one's own
const CALM_ALL = 5000; // of everyone's: there many phones ask at once

const main = document.querySelector("[data-gallery]");
const { tab, source, event } = main.dataset;
const grid = main.querySelector("[data-grid]");
const fresh = main.querySelector("[data-fresh]");
const options = { href: ({ id }) => `/gallery/${id}?event=${event}&tab=${tab}` };
let counts = JSON.parse(main.dataset.counts);
// how many of the shelf the grid knows of, shown or on further pages
let known = counts[tab];
let showTotal = () => {};

// on a narrow screen the strip of tabs is longer than the page is wide
const strip = main.querySelector(".tabs");
strip.scrollLeft = strip.querySelector("[aria-current]").offsetLeft - strip.offsetLeft;

// -- further pages ---------------------------------------------------------------------------

const more = main.querySelector("[data-more]");
let loading = null;
let failed = false;

/** Append the next page; true where it came. Who asks meanwhile waits for the same one. */
function loadMore() {
  loading ??= loadPage().finally(() => { loading = null; });
  return loading;
}

async function loadPage() {
  if (!more?.isConnected) return false;
  failed = false;
  try {
    const page = await get(more.dataset.more);
    grid.append(...page.data.filter((photo) => !document.getElementById(`photo-${photo.id}`))
      .map((photo) => makeTile(photo, options)));
    setHeadings(grid);
    showTotal(counts[tab]);
    if (page.next) more.dataset.more = page.next;
    else more.parentElement.remove();
    return true;
  } catch {
    // the link stays, for another try or for the browser
    failed = true;
    return false;
  }
}

const nearEnd = () => more.isConnected && more.getBoundingClientRect().top < 2 * innerHeight;

// a page that does not come ends this: the link's tap or the network's return tries again
async function fill() {
  while (nearEnd() && await loadMore());
}

if (more) {
  more.addEventListener("click", (clicked) => { clicked.preventDefault(); fill(); });
  new IntersectionObserver(([entry]) => entry.isIntersecting && fill(), { rootMargin: "100%" })
    .observe(more);
  // who scrolls in the moment that a page is appended crosses no line that the observer sees
  addEventListener("scroll", () => loading || failed || fill(), { passive: true });
  addEventListener("online", fill);
}
if (grid) {
  keepPlace(grid, loadMore);
  moveByKeys(grid);
  showTotal = setUpChoosing(main, grid);
  setUpViewer(grid, {
    total: () => counts[tab],
    wantMore: loadMore,
    ownShelf: tab === "mine",
    onRemoved: () => { countOwn(-1); setHeadings(grid); },
    onRestored: putBack,
    onMarked: (marked) => {
      counts.favourites += marked ? 1 : -1;
      if (tab === "favourites") known = counts.favourites;
      showCounts();
    },
  });
}

// -- what is new -----------------------------------------------------------------------------

const covered = () => document.querySelector("dialog[open]") !== null;
const atTop = () => scrollY < 40 && !covered();
let due = null;
let fetched = 0;

function onNumbers(now) {
  const settled = now.selfie && main.dataset.selfie !== now.selfie;
  // what the guest marks is known here first, and told by nobody
  counts = { ...now, favourites: counts.favourites };
  const news = counts[tab] - known;
  showCounts();
  showProgress(main, now);
  // an empty shelf, or one with a notice about the selfie, is another page altogether
  if (settled || (news > 0 && !grid)) location.reload();
  else if (news > 0) arrived();
  else {
    known = counts[tab];
    fresh.hidden = true;
  }
}

function arrived() {
  if (atTop()) return fetchSoon();
  const news = counts[tab] - known;
  // a photo is told before the number it counts in
  if (news <= 0) return;
  fresh.textContent = count("fresh", news);
  fresh.hidden = false;
}

function onPhoto({ mine }) {
  if (grid && atTop() && (tab === "all" || mine)) fetchSoon();
}

function fetchSoon() {
  if (due !== null || document.hidden) return;
  const calm = tab === "all" ? CALM_ALL : CALM;
  due = setTimeout(insert, Math.max(0, fetched + calm * (0.8 + 0.4 * Math.random()) - Date.now()));
}

function insert() {
  due = null;
  // nothing moves under the thumb of who has gone on meanwhile
  if (atTop()) fetchNewest();
  else arrived();
}

/** Put what is new into the grid, and return its tiles; who *asked* for it is anywhere in the page. */
async function fetchNewest({ asked = false } = {}) {
  clearTimeout(due);
  due = null;
  fetched = Date.now();
  try {
    const { photos, total } = await newest();
    if (asked ? covered() : !atTop()) {
      arrived();
      return [];
    }
    // older ones than the last tile come with their own page
    let last = photos.length;
    while (more?.isConnected && last > 0 && isFresh(photos[last - 1])) last -= 1;
    // all that was shown is gone, or more came than the pages hold: there would be a hole
    if (!last && photos.length) return location.reload();
    const added = showFresh(photos.slice(0, last));
    known = total;
    return added;
  } catch {
    // the next number tries again
    return [];
  }
}

const isFresh = (photo) => !document.getElementById(`photo-${photo.id}`);

/** The list from its top down to the last photo that is new; by its time, that may be far down. */
async function newest() {
  let page = await get(source);
  const { total } = page;
  const photos = page.data;
  const missing = () => total - known - photos.filter(isFresh).length;
  for (let pages = shownPages(page.data.length); page.next && missing() > 0 && pages > 1; pages -= 1) {
    page = await get(page.next);
    photos.push(...page.data);
  }
  return { photos, total };
}

const shownPages = (length) => Math.ceil(grid.querySelectorAll(".tile").length / Math.max(1, length)) + 1;

// newest first by time, and by id within a moment, as the server has them
function isOlder(one, other) {
  const apart = new Date(one.dataset.when) - new Date(other.dataset.when);
  const idOf = (tile) => Number(tile.id.slice("photo-".length));
  return apart < 0 || (apart === 0 && idOf(one) < idOf(other));
}

function putBack(tile) {
  const older = [...grid.querySelectorAll(".tile")].find((other) => isOlder(other, tile));
  if (older) older.before(tile);
  else grid.append(tile);
  countOwn(1);
  setHeadings(grid);
}

// the viewer says at once which of how many it shows; the server's number follows
function countOwn(step) {
  known += step;
  counts.mine += step;
  showCounts();
}

function showFresh(photos) {
  const before = new Set([...grid.querySelectorAll(".tile")].map((tile) => tile.id));
  if (mergeNewest(grid, photos, options)) setHeadings(grid);
  const added = [...grid.querySelectorAll(".tile")].filter((tile) => !before.has(tile.id));
  for (const tile of added) {
    const tag = document.createElement("span");
    tag.className = "tag";
    tag.textContent = say("new");
    tile.append(tag);
  }
  fresh.hidden = true;
  showTotal(counts[tab]);
  return added;
}

fresh.addEventListener("click", async () => {
  const [first] = await fetchNewest({ asked: true }) ?? [];
  const top = grid.querySelector(".tile");
  // by its time, what came late may stand far down
  if (first && first !== top) first.scrollIntoView({ block: "center" });
  else scrollTo({ top: 0 });
  (first ?? top)?.focus({ preventScroll: true });
});
addEventListener("scroll", () => atTop() && !fresh.hidden && fetchSoon(), { passive: true });

function showCounts() {
  for (const element of main.querySelectorAll("[data-count]")) {
    element.textContent = number(counts[element.dataset.count]);
  }
  main.querySelector("[data-count=favourites]").parentElement.hidden = !counts.favourites && tab !== "favourites";
  main.querySelector("[data-title-count]").textContent = number(counts[tab]);
  const faces = main.querySelector("[data-faces]");
  if (faces) faces.textContent = count("faces", counts.maybe);
  main.querySelector("[data-wash]")?.toggleAttribute("hidden", !counts.maybe);
  if (tab === "mine") showTotal(counts.mine);
}

listen({
  event,
  counts: main.dataset.live,
  onNumbers,
  onPhoto,
  onOffline: () => { main.querySelector("[data-progress]").textContent = say("offline"); },
});
