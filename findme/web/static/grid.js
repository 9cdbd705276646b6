// Tiles of the justified grid, made from the API's photos.
import { photoName } from "./words.js";

// the narrowest and the widest tile (web/tiles.py RATIOS; a unit test keeps both equal)
const NARROWEST = 0.56;
const WIDEST = 2.4;
// a wider tile gets the preview on wide screens (web/tiles.py WIDE; the same test)
const WIDE = 1.8;

/** The address of a photo's bytes; the version changes with the organiser's choices. */
export function photoUrl(id, size) {
  const version = size !== "thumb" && document.querySelector("[data-version]")?.dataset.version;
  return `/api/photo/${id}?size=${size}${version ? `&v=${version}` : ""}`;
}

/** Make a tile for a photo; it links to *href* of the photo, or to its preview. */
export function makeTile(photo, { href = ({ preview_url }) => preview_url } = {}) {
  const tile = document.getElementById("tile").content.firstElementChild.cloneNode(true);
  const real = photo.width / photo.height;
  const ratio = Math.min(Math.max(real, NARROWEST), WIDEST);
  tile.id = `photo-${photo.id}`;
  if (photo.preview_url) tile.href = href(photo);
  tile.style.setProperty("--r", ratio.toFixed(3));
  tile.style.setProperty("--ph", photo.placeholder);
  tile.dataset.when = photo.dated_at ?? photo.taken_at ?? photo.uploaded_at;
  tile.dataset.about = `${photo.filename} · ${photo.width} × ${photo.height}`;
  if (photo.match) tile.dataset.mine = "";
  if (photo.favourite) tile.dataset.favourite = "";
  if (photo.credit) tile.dataset.credit = photo.credit;
  const image = tile.querySelector("img");
  // organisers see photos before their thumbnails exist
  if (photo.thumb_url) image.src = photo.thumb_url;
  if (photo.preview_url && ratio > WIDE) sharpen(image, photo.preview_url);
  image.alt = photoName(photo);
  return tile;
}

function sharpen(image, preview) {
  const picture = document.createElement("picture");
  const source = document.createElement("source");
  source.media = "(min-width: 900px)";
  source.srcset = preview;
  image.replaceWith(picture);
  picture.append(source, image);
}

/** Insert photos that are not in the grid yet at their positions in the newest-first list. */
export function mergeNewest(grid, photos, options) {
  let added = 0;
  let after = null;
  for (const photo of photos) {
    let tile = document.getElementById(`photo-${photo.id}`);
    if (!tile) {
      tile = makeTile(photo, options);
      if (after) after.after(tile);
      else grid.prepend(tile);
      added += 1;
    }
    after = tile;
  }
  return added;
}

/** Arrow keys, Home and End move from tile to tile. */
export function moveByKeys(grid) {
  grid.addEventListener("keydown", (event) => {
    const tiles = [...grid.querySelectorAll(".tile")];
    const at = tiles.indexOf(document.activeElement);
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tiles.length - 1,
      ArrowDown: nearest(tiles, at, 1), ArrowUp: nearest(tiles, at, -1),
    }[event.key];
    if (at < 0 || to === undefined || !tiles[to]) return;
    event.preventDefault();
    tiles[to].focus();
  });
}

function nearest(tiles, at, direction) {
  if (at < 0) return undefined;
  const from = tiles[at].getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let row = null;
  let best;
  let distance = Infinity;
  for (let i = at + direction; tiles[i]; i += direction) {
    const box = tiles[i].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 4) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 4) break;
    const off = Math.abs(box.left + box.width / 2 - middle);
    if (off < distance) [best, distance] = [i, off];
  }
  return best;
}
