// A guest who waits for the organiser: the page opens by itself once they are admitted.
import { listen } from "./live.js";

const main = document.querySelector("[data-live]");
const { event, live, selfie } = main.dataset;

listen({
  event,
  counts: live,
  onNumbers: (now) => {
    if (!now.waits || (now.selfie && selfie !== "none" && now.selfie !== selfie)) location.reload();
  },
  onPhoto: () => location.reload(),
  onOffline: () => {},
});
