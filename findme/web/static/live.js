// Updates while the page is open: from the event's stream, or by polling if that fails.
import { get } from "./api.js";

const POLL = 5000; // ms between two polls without a stream
const DOUBT = 4000; // ms without the stream after which the page says so

/**
 * Listen to an event. onNumbers({mine, maybe, all, searched, total, selfie}) comes whenever one of
 * them changes, onPhoto({id, mine}) with each new photo, onOffline() when the connection is lost.
 */
export function listen({ event, counts, onNumbers, onPhoto, onOffline }) {
  let source = null;
  let poll = null;
  let doubt = null;

  async function look() {
    if (document.hidden) return;
    try {
      onNumbers((await get(counts)).data);
    } catch (problem) {
      // signed out, or no longer a guest of this event: the server's page says what to do
      if (problem.status === 401 || problem.status === 404) location.reload();
      else if (problem.code === "offline") onOffline();
    }
  }

  function startPolling() {
    poll ??= setInterval(look, POLL);
    look();
  }

  function open() {
    clearInterval(poll);
    poll = null;
    if (!("EventSource" in window)) return startPolling();
    // a page from the browser's cache gets the event twice
    source?.close();
    source = new EventSource(`/api/events/${event}/stream`);
    source.addEventListener("open", () => { clearTimeout(doubt); doubt = null; });
    source.addEventListener("progress", ({ data }) => {
      const { queued, done, ...rest } = JSON.parse(data);
      onNumbers({ ...rest, searched: done, total: queued + done });
    });
    source.addEventListener("photo", ({ data }) => onPhoto(JSON.parse(data)));
    source.addEventListener("error", () => {
      // the browser reconnects by itself, with the id of the last message, unless it was refused
      if (source.readyState === EventSource.CLOSED) startPolling();
      else doubt ??= setTimeout(onOffline, DOUBT);
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (poll !== null || source?.readyState === EventSource.CLOSED) open();
    else look(); // after a phone's sleep its stream may be dead without an error
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  open();
}
