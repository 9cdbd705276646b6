// Photos leave by the device's share sheet, as files; where there is none, the link is copied.
import { call } from "./api.js";

/** Share pictures by their addresses; "shared", "copied", or "" where the visitor thought again. */
export async function share(urls, link) {
  try {
    const files = navigator.canShare ? await Promise.all(urls.map(fileOf)) : [];
    if (files.length && navigator.canShare({ files })) {
      await navigator.share({ files });
      return "shared";
    }
  } catch (problem) {
    if (problem.name === "AbortError") return "";
    if (problem.name !== "NotAllowedError") throw problem;
  }
  await copy(link);
  return "copied";
}

/** Whether this device's share sheet takes pictures. */
export function takesFiles() {
  const file = new File([""], "photo.jpg", { type: "image/jpeg" });
  return Boolean(navigator.canShare?.({ files: [file] }));
}

async function fileOf(url) {
  const blob = await (await fetch(url)).blob();
  const id = /photo\/(\d+)/.exec(url)?.[1] ?? "";
  const ending = { "image/png": "png", "image/webp": "webp" }[blob.type] ?? "jpg";
  return new File([blob], `photo-${id}.${ending}`, { type: blob.type });
}

/** Copy a text, on pages without https too. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new DOMException("", "NotAllowedError");
}

/** Let a button copy its field; where the browser refuses, the field is selected for the hand. */
export function letCopy(button, field) {
  const label = button.querySelector("span");
  field.addEventListener("focus", () => field.select());
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await copy(field.value);
      label.textContent = button.dataset.copied;
    } catch {
      label.textContent = button.dataset.refused;
      field.focus();
    }
  });
}

/** Say that somebody is on a photo (`me`), or not (`not-me`); *back* takes it back. */
export function answer(photoId, says, { back = false } = {}) {
  return call(back ? "DELETE" : "POST", `/api/photos/${photoId}/${says}`);
}
