// The progress of the search, and its remaining time at the measured rate.
import { count, number, say } from "./words.js";

const RATE_SPAN = 60_000; // ms over which the speed of the search is measured
const SPOKEN = 10_000; // ms between two changes of the sentence: a screen reader reads each
const GONE = 3000; // ms that the full line stays

// the server's text, for when there is nothing to count yet
const written = document.querySelector("[data-progress]")?.textContent;
let samples = [];
let spoken = 0;
let later = null;
let gone = null;

/** Show {searched, total} in the page. */
export function showProgress(main, { searched, total }) {
  const track = main.querySelector("[data-track]");
  samples = [...samples.filter(({ at }) => at > Date.now() - RATE_SPAN), { at: Date.now(), searched }];
  if (!total) {
    // the connection was lost and is back
    main.querySelector("[data-progress]").textContent = written;
    return;
  }
  const done = searched >= total;
  track.firstElementChild.style.width = `${(100 * searched / total).toFixed(1)}%`;
  clearTimeout(gone);
  if (!done) track.hidden = false;
  else gone = setTimeout(() => { track.hidden = true; }, GONE);
  clearTimeout(later);
  const wait = done ? 0 : spoken + SPOKEN - Date.now();
  if (wait <= 0) speak(main, searched, total);
  else later = setTimeout(() => speak(main, searched, total), wait);
}

function speak(main, searched, total) {
  spoken = Date.now();
  const sentence = main.querySelector("[data-progress]");
  if (searched >= total) {
    sentence.textContent = say("done");
    return;
  }
  // the words are ours and the values are numbers: no markup of a visitor gets here
  sentence.innerHTML = count("progress", searched, { total: number(total) }) + left(searched, total);
}

function left(searched, total) {
  const first = samples[0];
  const last = samples[samples.length - 1];
  const done = last.searched - first.searched;
  if (done <= 0) return "";
  const seconds = (total - searched) * (last.at - first.at) / done / 1000;
  return seconds < 90
    ? say("left_seconds", { n: number(Math.max(5, Math.ceil(seconds / 5) * 5)) })
    : say("left_minutes", { n: number(Math.ceil(seconds / 60)) });
}
