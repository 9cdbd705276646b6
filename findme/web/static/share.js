// Shares photos as files through the device's share sheet; without one, the link is copied.
import { call } from "./api.js";

/** Share pictures by their addresses; "shared", "copied", or "" if the visitor cancelled. */
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

/** Whether this device's share sheet accepts pictures. */
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

/**
 * Let a button copy its field; if the browser refuses, the field is selected for copying by hand.
 */
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

/** Send the verdict that the guest is on a photo (`me`) or not (`not-me`); *back* undoes it. */
export function answer(photoId, says, { back = false } = {}) {
  return call(back ? "DELETE" : "POST", `/api/photos/${photoId}/${says}`);
}
