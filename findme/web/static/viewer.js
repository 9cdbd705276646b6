// One photo over the gallery, at its own address (/gallery/7): Back closes it.
import { toast } from "./app.js";
import { failed } from "./failing.js";
import { photoUrl } from "./grid.js";
import { setUpMarks } from "./marks.js";
import { answer, share } from "./share.js";
import { clock, day, number, say } from "./words.js";

const SWIPE = 48; // px; less is a tap that slipped
const STRIP = 3; // thumbnails on either side of the photo that is shown

/**
 * Open tiles of the grid in the dialog. total() is how many photos the shelf holds; onRemoved(tile)
 * follows a "not me" if the shelf is the guest's own, onRestored(tile) its undo,
 * onMarked(on) a heart.
 */
export function setUpViewer(grid, { total, wantMore, ownShelf, onRemoved, onRestored, onMarked }) {
  const dialog = document.getElementById("viewer");
  const image = dialog.querySelector(".stage img");
  const place = dialog.querySelector(".count");
  const original = dialog.querySelector("[data-original]");
  const about = dialog.querySelector("#about");
  const strip = dialog.querySelector("[data-strip]");
  const control = (act) => dialog.querySelector(`[data-act=${act}]`);
  let shown = null;
  let pushed = false;
  const home = location.pathname + location.search;

  const tiles = () => [...grid.querySelectorAll(".tile")];
  const idOf = (tile) => tile.id.slice("photo-".length);
  const bytes = (tile, size) => photoUrl(idOf(tile), size);

  function show(tile) {
    const all = tiles();
    const at = all.indexOf(tile);
    shown = tile;
    paint(tile);
    place.textContent = say("place", { n: number(at + 1), total: number(Math.max(total(), all.length)) });
    const when = new Date(tile.dataset.when);
    const { credit = "", about: facts } = tile.dataset;
    write("when", clock(when));
    write("day", day(when));
    write("credit", credit && say("by", { name: credit }));
    write("name", credit);
    dialog.querySelector("[data-by]").hidden = !credit;
    // a file's name may contain the separator that stands before the size
    const cut = facts.lastIndexOf(" · ");
    write("file", facts.slice(0, cut));
    write("size", facts.slice(cut + " · ".length));
    marks.show(tile);
    // if the organiser has switched downloads off, there is no such link, and no sharing
    if (original) original.href = bytes(tile, "original");
    control("back").hidden = at === 0;
    control("on").hidden = at === all.length - 1;
    control("not-me").hidden = !("mine" in tile.dataset);
    const around = all.slice(Math.max(0, at - STRIP), at + STRIP + 1);
    strip.replaceChildren(...around.map((other) => thumb(other, other === tile)));
    for (const neighbour of [all[at + 1], all[at - 1]]) if (neighbour) new Image().src = bytes(neighbour, "preview");
    // a guest who was faster than the network continues from the last one as soon as there is a
    // next
    if (at > all.length - 6) wantMore().then(() => { control("on").hidden = shown === tiles().at(-1); });
  }

  // a browser shows the previous picture until the next one is loaded: on a slow network the
  // buttons would belong to another photo than the one that is shown
  function paint(tile) {
    const small = tile.querySelector("img");
    const preview = Object.assign(new Image(), { src: bytes(tile, "preview") });
    const sharpen = () => { if (shown === tile) image.src = bytes(tile, "preview"); };
    image.alt = small.alt;
    image.style.background = tile.style.getPropertyValue("--ph");
    image.onload = () => { image.style.background = ""; };
    if (preview.complete) return sharpen();
    preview.addEventListener("load", sharpen);
    if (small.complete && small.naturalWidth) image.src = small.currentSrc;
    else image.removeAttribute("src");
  }

  function write(name, text) {
    for (const place of dialog.querySelectorAll(`[data-${name}]`)) place.textContent = text;
  }

  function thumb(tile, current) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", tile.querySelector("img").alt);
    if (current) button.setAttribute("aria-current", "true");
    const small = Object.assign(new Image(), { src: bytes(tile, "thumb"), alt: "" });
    button.append(small);
    button.addEventListener("click", () => goTo(tile));
    return button;
  }

  function open(tile, { push }) {
    show(tile);
    if (!dialog.open) dialog.showModal();
    place.focus();
    if (push) history.pushState({ viewer: true }, "", tile.href);
    pushed = push;
  }

  function goTo(tile) {
    if (!tile) return;
    show(tile);
    history.replaceState(history.state, "", tile.href);
    // the button that was pressed may be gone
    if (!dialog.contains(document.activeElement) || document.activeElement.hidden) place.focus();
  }

  const turn = (step) => goTo(tiles()[tiles().indexOf(shown) + step]);

  function close() {
    if (pushed) history.back();
    else {
      history.replaceState(null, "", home);
      dialog.close();
    }
  }

  async function shareIt() {
    try {
      if (await share([bytes(shown, "preview")], shown.href) === "copied") toast(say("link_copied"));
    } catch {
      toast(say("failed"));
    }
  }

  async function notMe() {
    const tile = shown;
    try {
      await answer(idOf(tile), "not-me");
    } catch (problem) {
      failed(problem);
      return;
    }
    delete tile.dataset.mine;
    if (ownShelf) {
      const all = tiles();
      const next = all[all.indexOf(tile) + 1] ?? all[all.indexOf(tile) - 1];
      tile.remove();
      onRemoved(tile);
      if (next) goTo(next);
      else close();
    } else show(tile);
    toast(say("put_aside"), say("undo"), () => undo(tile));
  }

  async function undo(tile) {
    try {
      await answer(idOf(tile), "not-me", { back: true });
    } catch (problem) {
      failed(problem);
      return;
    }
    tile.dataset.mine = "";
    if (!tile.isConnected) onRestored(tile);
    if (dialog.open) goTo(tile);
  }

  function showAbout() {
    about.hidden = !about.hidden;
    control("about").setAttribute("aria-expanded", String(!about.hidden));
  }

  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    // the browser opens new tabs and windows itself
    if (!tile || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(tile, { push: true });
  });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("close", () => {
    // the guest's last photo may have been rejected
    const left = shown?.isConnected ? shown : document.querySelector("h1");
    left.focus();
    left.scrollIntoView({ block: "nearest" });
  });
  const marks = setUpMarks(dialog, { current: () => shown, idOf, onMarked });
  const acts = { ...marks.acts, close, back: () => turn(-1), on: () => turn(1), share: shareIt, "not-me": notMe, about: showAbout };
  dialog.addEventListener("click", (event) => acts[event.target.closest("[data-act]")?.dataset.act]?.());
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // letters can be turned off in the account (WCAG 2.1.4)
    if (event.key.length === 1 && document.documentElement.dataset.letterKeys === "off") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const does = {
      ArrowLeft: acts.back, ArrowRight: acts.on, f: acts.favourite, i: showAbout,
      s: () => control("share")?.click(), d: () => original?.click(), n: () => control("not-me").hidden || notMe(),
    }[key];
    if (does) { event.preventDefault(); does(); }
  });
  addEventListener("popstate", () => {
    const tile = tileOfAddress();
    if (tile) open(tile, { push: false });
    else if (dialog.open) dialog.close();
  });
  onSwipe(dialog.querySelector(".stage"), turn);

  function tileOfAddress() {
    const id = /^\/gallery\/(\d+)$/.exec(location.pathname)?.[1];
    return id && document.getElementById(`photo-${id}`);
  }
}

/** Call turn(1) or turn(-1) after a swipe with one finger. */
export function onSwipe(stage, turn) {
  let start = null;
  stage.addEventListener("touchstart", ({ touches }) => {
    start = touches.length === 1 ? touches[0].clientX : null;
  }, { passive: true });
  stage.addEventListener("touchend", ({ changedTouches }) => {
    // in a magnified picture a swipe pans, and does not turn the page
    const moved = start === null || visualViewport?.scale > 1.05 ? 0 : changedTouches[0].clientX - start;
    if (Math.abs(moved) > SWIPE) turn(moved > 0 ? -1 : 1);
  }, { passive: true });
}
