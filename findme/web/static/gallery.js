// The gallery stays current: further pages on scrolling, counts and new photos every few seconds.
import { get } from "./api.js";
import { makeTile, mergeNewest, moveByKeys } from "./grid.js";
import { setUpViewer } from "./viewer.js";
import { count, number, say } from "./words.js";

const EVERY = 5000; // ms between two looks; server-sent events take this over
const RATE_SPAN = 60_000; // ms over which the speed of the search is taken

const main = document.querySelector("[data-gallery]");
const { tab, source, live } = main.dataset;
const grid = main.querySelector("[data-grid]");
const fresh = main.querySelector("[data-fresh]");
const options = { outline: tab === "maybe" };
let counts = JSON.parse(main.dataset.counts);
let samples = [];

// -- further pages ---------------------------------------------------------------------------

const more = main.querySelector("[data-more]");
let loading = false;

async function loadMore() {
  if (loading || !more?.isConnected) return;
  loading = true;
  try {
    const page = await get(more.dataset.more);
    grid.append(...page.data.filter((photo) => !document.getElementById(`photo-${photo.id}`))
      .map((photo) => makeTile(photo, options)));
    if (page.next) more.dataset.more = page.next;
    else more.parentElement.remove();
  } catch {
    // the link stays, for another try or for the browser
  } finally {
    loading = false;
  }
  if (more.isConnected && nearEnd()) loadMore();
}

const nearEnd = () => more.getBoundingClientRect().top < 2 * innerHeight;

if (more) {
  more.addEventListener("click", (event) => { event.preventDefault(); loadMore(); });
  new IntersectionObserver(([entry]) => entry.isIntersecting && loadMore(), { rootMargin: "100%" })
    .observe(more);
}
if (grid) {
  moveByKeys(grid);
  setUpViewer(grid, { total: () => counts[tab], wantMore: loadMore });
}

// -- what is new -----------------------------------------------------------------------------

let waiting = [];

async function look() {
  if (document.hidden) return;
  let now;
  try {
    now = (await get(live)).data;
  } catch (problem) {
    if (problem.status === 401) location.reload();
    else if (problem.code === "offline") main.querySelector("[data-progress]").textContent = say("offline");
    return;
  }
  const more = now[tab] > counts[tab];
  const settled = main.dataset.selfie !== now.selfie;
  showCounts(now);
  showProgress(now);
  counts = now;
  // an empty shelf, or one with a notice about the selfie, is another page altogether
  if (settled || (more && !grid)) location.reload();
  else if (more) await fetchNewest();
}

async function fetchNewest() {
  const page = await get(source);
  const known = (photo) => document.getElementById(`photo-${photo.id}`);
  // older ones than the last tile come with their own page
  let last = page.data.length;
  while (main.querySelector("[data-more]") && last > 0 && !known(page.data[last - 1])) last -= 1;
  waiting = page.data.slice(0, last);
  const news = waiting.filter((photo) => !known(photo)).length;
  if (!news) return;
  if (scrollY < 40) showFresh();
  else {
    fresh.textContent = count("fresh", news);
    fresh.hidden = false;
  }
}

function showFresh() {
  const before = new Set([...grid.children].map((tile) => tile.id));
  mergeNewest(grid, waiting, options);
  for (const tile of grid.children) {
    if (before.has(tile.id)) continue;
    const tag = document.createElement("span");
    tag.className = "tag";
    tag.textContent = say("new");
    tile.append(tag);
  }
  waiting = [];
  fresh.hidden = true;
}

fresh.addEventListener("click", () => { showFresh(); scrollTo({ top: 0 }); });

function showCounts(now) {
  for (const element of main.querySelectorAll("[data-count]")) {
    element.textContent = number(now[element.dataset.count]);
  }
  main.querySelector("[data-title-count]").textContent = number(now[tab]);
}

function showProgress({ searched, total }) {
  const sentence = main.querySelector("[data-progress]");
  const track = main.querySelector("[data-track]");
  samples = [...samples.filter(({ at }) => at > Date.now() - RATE_SPAN), { at: Date.now(), searched }];
  track.hidden = !total || searched >= total;
  if (!total) return;
  if (searched >= total) {
    sentence.textContent = say("done");
    return;
  }
  track.firstElementChild.style.width = `${(100 * searched / total).toFixed(1)}%`;
  // the words are ours and the values are numbers: no markup of a visitor gets here
  sentence.innerHTML = say("progress", { done: number(searched), total: number(total) }) + left(searched, total);
}

function left(searched, total) {
  const first = samples[0];
  const last = samples[samples.length - 1];
  const done = searched - first.searched;
  if (done <= 0) return "";
  const seconds = (total - searched) * (last.at - first.at) / done / 1000;
  return seconds < 90
    ? say("left_seconds", { n: number(Math.max(5, Math.ceil(seconds / 5) * 5)) })
    : say("left_minutes", { n: number(Math.ceil(seconds / 60)) });
}

setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
