// One event: drop photos, watch them become searchable, guests, upload access, erase.
import { call, get } from "./api.js";
import { openDialog, toast } from "./app.js";
import { setUpDrop } from "./drop.js";
import { makeTile } from "./grid.js";
import { count, moment, number, reason, say } from "./words.js";

const EVERY = 3000; // ms between two polls
const PAGE = 60;
const event = document.getElementById("event");
const base = `/api/admin/events/${event.dataset.id}`;
const grid = document.getElementById("photos");
const more = document.getElementById("more");
let next = null;

// -- photos ----------------------------------------------------------------------------------

function tileOf(photo) {
  let tile = document.getElementById(`photo-${photo.id}`);
  if (!tile || (photo.preview_url && !tile.href)) {
    // before it is prepared there is no picture to show
    const fresh = makeTile(photo);
    tile?.replaceWith(fresh);
    tile = fresh;
  }
  const state = tile.querySelector(".state");
  const failed = photo.state === "failed";
  state.textContent = failed ? say("photo_failed", { error: reason(photo.error) })
    : photo.state !== "indexed" ? say(photo.state)
      : photo.review === "waiting" || photo.review === "hidden" ? say(`photo_${photo.review}`)
        : photo.faces ? count("faces", photo.faces) : say("no_faces");
  // in full, with the figures: a narrow tile shows only its beginning
  state.title = failed ? photo.error ?? "" : "";
  state.classList.toggle("failed", failed);
  tile.classList.toggle("dim", failed);
  tile.classList.toggle("moving", photo.state === "received" || photo.state === "prepared");
  tile.querySelector("img").hidden = !photo.thumb_url;
  return tile;
}

const isShown = ({ id }) => document.getElementById(`photo-${id}`) !== null;

async function showPhotos() {
  const page = await get(`${base}/photos?limit=${PAGE}`);
  let after = null;
  // all are new: what lies between them and those below is not known
  if (!page.data.some(isShown)) grid.replaceChildren();
  for (const photo of page.data) {
    const tile = tileOf(photo);
    if (!tile.isConnected) {
      if (after) after.after(tile);
      else grid.prepend(tile);
    }
    after = tile;
  }
  document.getElementById("no-photos").hidden = page.data.length > 0;
  if (after === grid.lastElementChild) goOnFrom(page.next);
  if (after) await follow(page.next, after);
}

/** The queue works from the oldest photo on: poll below *last* while a photo there may change. */
async function follow(address, last) {
  if (!address || !grid.querySelector(`#${last.id} ~ .moving`)) return;
  const page = await get(address);
  const tiles = page.data.filter(isShown).map(tileOf);
  if (tiles.length === page.data.length) await follow(page.next, tiles.at(-1));
}

function goOnFrom(address) {
  next = address;
  more.hidden = !next;
}

more.addEventListener("click", () => act(async () => {
  const asked = next;
  const page = await get(asked);
  if (next !== asked) return; // a second press, or the grid was begun anew meanwhile
  grid.append(...page.data.map(tileOf));
  goOnFrom(page.next);
}));

async function showCounts() {
  const { data } = await get(base);
  for (const element of document.querySelectorAll("[data-total]")) {
    element.textContent = number(data.counts[element.dataset.total]);
  }
}

// -- guests and tokens -----------------------------------------------------------------------

function rows(box, items, template, fill) {
  const ids = JSON.stringify(items);
  if (box.dataset.items === ids) return; // leave the rows, and the focus in them, alone
  box.dataset.items = ids;
  box.replaceChildren(...items.map((item) => {
    const row = document.getElementById(template).content.firstElementChild.cloneNode(true);
    fill(row, item);
    return row;
  }));
}

async function showGuests() {
  const { data } = await get(`${base}/guests`);
  document.getElementById("no-guests").hidden = data.length > 0;
  rows(document.getElementById("guests"), data, "guest", (row, guest) => {
    const selfie = guest.selfie?.status ?? guest.selfie;
    row.querySelector("strong").textContent = guest.name;
    row.querySelector(".small").textContent = [
      count("joined", guest.photos, { time: moment(new Date(guest.joined_at)) }),
      guest.maybe ? count("maybe", guest.maybe) : "",
    ].filter(Boolean).join(", ");
    const chip = row.querySelector(".chip");
    chip.textContent = say(selfie ? `selfie_${selfie}` : "no_selfie");
    chip.className = `chip ${{ accepted: "ok", pending: "warn", refused: "alert" }[selfie] ?? ""}`;
    removable(row, guest.name, "guest", `${base}/guests/${guest.id}`, showGuests);
  });
}

async function showTokens() {
  const { data } = await get(`${base}/tokens`);
  rows(document.getElementById("tokens"), data, "token", (row, token) => {
    row.querySelector("strong").textContent = token.label;
    row.querySelector(".small").textContent = token.last_used_at
      ? say("token_used", { time: moment(new Date(token.last_used_at)) }) : say("token_unused");
    removable(row, token.label, "token", `${base}/tokens/${token.id}`, showTokens);
  });
}

function removable(row, name, kind, url, show) {
  const button = row.querySelector("button");
  button.setAttribute("aria-label", say("remove", { name }));
  button.addEventListener("click", () => {
    const dialog = document.getElementById("remove");
    dialog.querySelector("h2").textContent = say(`remove_${kind}`, { name });
    dialog.querySelector("p").textContent = say(`remove_${kind}_more`);
    dialog.returnValue = "";
    dialog.onclose = () => dialog.returnValue === "yes" && act(() => call("DELETE", url)).then(show);
    openDialog(dialog);
  });
}

document.getElementById("token-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const form = submitted.target;
  const button = form.querySelector("button");
  button.disabled = true; // a second press would create a second token
  act(async () => {
    const { data } = await call("POST", `${base}/tokens`, { label: form.elements.label.value });
    const box = document.getElementById("new-token");
    box.querySelector("code").textContent = data.token;
    box.querySelector("[data-copy]").dataset.copy = data.token;
    box.hidden = false;
    form.reset();
    await showTokens();
  }).then(() => { button.disabled = false; });
});

// -- the event itself ------------------------------------------------------------------------

/** Do *work* and return whether it succeeded; show an error if not. */
async function act(work) {
  try {
    await work();
    return true;
  } catch {
    toast(say("failed"));
    return false;
  }
}

// a keyboard has one apostrophe and one space; a name that was pasted may have others
const plainly = (name) => name.replace(/[\u2018\u2019]/g, "'").replace(/\s+/g, " ").trim();

document.getElementById("toggle-join").addEventListener("click", ({ currentTarget }) => act(async () => {
  await call("PATCH", base, { join_open: currentTarget.dataset.openNow !== "true" });
  location.reload();
}));

document.getElementById("delete-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const field = document.getElementById("confirm");
  const wrong = submitted.target.querySelector(".wrong");
  wrong.hidden = plainly(field.value) === plainly(event.dataset.name);
  if (!wrong.hidden) return field.focus();
  const button = submitted.submitter;
  button.disabled = true;
  act(async () => {
    await call("DELETE", base);
    location.assign("/admin/events?erased=1");
  }).then((done) => { button.disabled = done; });
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button) act(() => copy(button.dataset.copy).then(() => toast(say("copied"))));
});

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // a page without https has no clipboard API
  const field = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

let looking = false;

function look() {
  if (document.hidden || looking) return;
  looking = true; // with two requests at once, the older answer might come last
  Promise.all([showPhotos(), showCounts(), showGuests()]).catch((problem) => {
    if (problem.status === 401 || problem.status === 404) location.reload();
  }).finally(() => { looking = false; });
}

setUpDrop(event.dataset.id, look);
look();
act(showTokens);
setInterval(look, EVERY);
