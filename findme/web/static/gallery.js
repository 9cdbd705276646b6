// Keeps the gallery current: loads further pages on scrolling, new photos and numbers as they come.
import { get } from "./api.js";
import { setUpChoosing } from "./choose.js";
import { makeTile, mergeNewest, moveByKeys } from "./grid.js";
import { setHeadings } from "./hours.js";
import { listen } from "./live.js";
import { keepPlace } from "./place.js";
import { showProgress } from "./progress.js";
import { setUpViewer } from "./viewer.js";
import { count, number, say } from "./words.js";

const CALM = 1000; // ms between two requests for the guest's newest photos
const CALM_ALL = 5000; // for everyone's photos, which many phones request at once

const main = document.querySelector("[data-gallery]");
const { tab, source, event } = main.dataset;
const grid = main.querySelector("[data-grid]");
const fresh = main.querySelector("[data-fresh]");
const options = { href: ({ id }) => `/gallery/${id}?event=${event}&tab=${tab}` };
let counts = JSON.parse(main.dataset.counts);
// the number of photos on the shelf that the grid knows of, shown or on further pages
let known = counts[tab];
let showTotal = () => {};

// on a narrow screen the strip of tabs is longer than the page is wide
const strip = main.querySelector(".tabs");
strip.scrollLeft = strip.querySelector("[aria-current]").offsetLeft - strip.offsetLeft;

// -- further pages ---------------------------------------------------------------------------

const more = main.querySelector("[data-more]");
let loading = null;
let failed = false;

/** Append the next page; true if it came. Calls in the meantime wait for the same one. */
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
    // the link stays, for another try or for a plain page load
    failed = true;
    return false;
  }
}

const nearEnd = () => more.isConnected && more.getBoundingClientRect().top < 2 * innerHeight;

// if a page does not load, this ends: a tap on the link or the network's return tries again
async function fill() {
  while (nearEnd() && await loadMore());
}

if (more) {
  more.addEventListener("click", (clicked) => { clicked.preventDefault(); fill(); });
  new IntersectionObserver(([entry]) => entry.isIntersecting && fill(), { rootMargin: "100%" })
    .observe(more);
  // a scroll at the moment when a page is appended does not trigger the observer
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
  // the guest's own marks are known here first, and the stream does not send them
  counts = { ...now, favourites: counts.favourites };
  const news = counts[tab] - known;
  showCounts();
  showProgress(main, now);
  // an empty shelf, or one with a notice about the selfie, is a different page
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
  // a photo is announced before the number that includes it
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
  // nothing moves under the thumb of a guest who has scrolled on
  if (atTop()) fetchNewest();
  else arrived();
}

/**
 * Put new photos into the grid, and return their tiles; a guest who *asked* may be anywhere in it.
 */
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
    // photos older than the last tile come with their own page
    let last = photos.length;
    while (more?.isConnected && last > 0 && isFresh(photos[last - 1])) last -= 1;
    // all shown photos are gone, or more came than the pages hold: the list would have a gap
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

/** The list from its top down to the last new photo, which may be far down because of its time. */
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

// the viewer shows its position and the total at once; the server's number follows
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
  // a photo that came late may stand far down because of its time
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
