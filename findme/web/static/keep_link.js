// The link of a guest without an e-mail: copied, or sent to oneself by the device's share sheet.
import { letCopy } from "./share.js";

/** Put the link into the card, if the page has not, and let it be copied and shared. */
export function showLink(card, link) {
  const field = card.querySelector("#key-url");
  const mail = card.querySelector("[data-mail]");
  if (link) {
    field.value = link;
    mail.href += encodeURIComponent(link);
    card.querySelector("[data-key-mail] [name=link]")?.setAttribute("value", link);
  }
  if (navigator.share) {
    mail.addEventListener("click", (event) => {
      event.preventDefault();
      // closing the share sheet is no error
      navigator.share({ title: document.title, url: field.value }).catch(() => {});
    });
  }
  letCopy(card.querySelector("[data-copied]"), field);
}

const card = document.querySelector("main[data-key-card]");
if (card) showLink(card, "");
