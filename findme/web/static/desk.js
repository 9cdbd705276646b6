// The dashboard: the server sends the parts that changed; this replaces them and keeps the focus.
import { call } from "./api.js";
import { toast } from "./app.js";
import { clock, count, say } from "./words.js";

const PATIENCE = 10_000; // ms without a message, after which the figures are called old
const AGAIN = 3000; // ms until the stream is requested again, if a proxy refused it
const STREAM = "/admin/stream";
const live = document.getElementById("live");
const stale = document.getElementById("stale");
let heardAt = null;
let silence;

function listen() {
  const source = new EventSource(STREAM);
  source.addEventListener("message", show);
  // the browser reconnects by itself, unless the answer was no stream
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) refused(); });
}

function show({ data }) {
  for (const [name, html] of Object.entries(JSON.parse(data))) put(name, html);
  heardAt = new Date();
  live.hidden = false;
  stale.hidden = true;
  clearTimeout(silence);
  silence = setTimeout(isOld, PATIENCE);
}

/**
 * The stream ended for good (signed out, or no longer an admin), or a proxy ended it during a
 * restart.
 */
async function refused() {
  isOld();
  const status = await fetch(STREAM, { method: "HEAD" }).then((answer) => answer.status, () => 0);
  if ([401, 403, 404].includes(status)) location.reload();
  else setTimeout(listen, AGAIN);
}

listen();

function put(name, html) {
  const part = document.querySelector(`[data-part="${name}"]`);
  const held = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  part.innerHTML = html;
  if (held) part.querySelector(held)?.focus({ preventScroll: true });
}

function keyOf(element) {
  if (element.dataset.retry) return `[data-retry="${CSS.escape(element.dataset.retry)}"]`;
  if ("retryAll" in element.dataset) return "[data-retry-all]";
  return element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
}

function isOld() {
  live.hidden = true;
  stale.textContent = say("stale", { time: heardAt ? clock(heardAt) : stale.dataset.time });
  stale.hidden = false;
}

async function act(method, address, body) {
  try {
    return (await call(method, address, body)).data;
  } catch {
    toast(say("failed"));
    return null;
  }
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-retry], [data-retry-all]");
  if (!button) return;
  if (button.dataset.retry) {
    if (await act("POST", `/api/admin/queue/jobs/${button.dataset.retry}/retry`)) toast(count("retried", 1));
  } else {
    const done = await act("POST", "/api/admin/queue/jobs/retry", { state: "failed" });
    if (done) toast(count("retried", done.retried));
  }
});

const pause = document.getElementById("pause");
pause.addEventListener("click", async () => {
  const wanted = pause.dataset.paused !== "true";
  const done = await act("POST", `/api/admin/queue/${wanted ? "pause" : "resume"}`);
  if (!done) return;
  pause.dataset.paused = String(done.paused);
  pause.querySelector("span").textContent = done.paused ? pause.dataset.resume : pause.dataset.pause;
  toast(say(done.paused ? "paused" : "resumed"));
});

document.getElementById("clear-cache").addEventListener("click", async () => {
  const done = await act("POST", "/api/admin/cache/clear");
  if (done) toast(count("cleared", done.cleared));
});
