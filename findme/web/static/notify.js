// The bell: notifications of new photos, in this browser and by mail. No permission is requested
// before a tap.
import { call, get } from "./api.js";
import { openDialog } from "./app.js";

const bell = document.querySelector("[data-bell]");
const dialog = document.getElementById("notify");
const [here, mail] = ["here", "mail"].map((name) => dialog.querySelector(`[name=${name}]`));
const part = (name) => dialog.querySelector(`[data-${name}]`);
const path = `/api/me/events/${bell.dataset.bell}`;
// a browser has one subscription for all events, so the list of its events is stored in the browser
const note = `findme-told-${bell.dataset.bell}`;
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

bell.hidden = false;
ring(localStorage.getItem(note) !== null);

bell.addEventListener("click", async () => {
  openDialog(dialog);
  say(null);
  part("here").hidden = !able;
  part("unable").hidden = able;
  try {
    const { data } = await get(`${path}/notify`);
    part("mail").hidden = !data.mail_offered;
    mail.checked = data.mail;
    here.checked = able && data.browsers > 0 && await subscription() !== null
      && localStorage.getItem(note) !== null;
    ring(here.checked || mail.checked);
  } catch {
    say("failed");
  }
});

here.addEventListener("change", () => change(here, here.checked ? subscribe : unsubscribe));
mail.addEventListener("change", () => change(mail, () =>
  call("PUT", `${path}/notify`, { mail: mail.checked })));

/** Apply the checkbox; if that fails, reset it. */
async function change(box, act) {
  say(null);
  box.disabled = true;
  try {
    await act();
  } catch (error) {
    box.checked = !box.checked;
    say(error.name === "NotAllowedError" ? "blocked" : "failed");
  } finally {
    box.disabled = false;
    box.focus();
  }
  ring(here.checked || mail.checked);
}

const worker = () => navigator.serviceWorker.getRegistration("/");
const subscription = async () => (await (await worker())?.pushManager.getSubscription()) ?? null;

async function subscribe() {
  // first of all: Safari allows the permission request only directly in the tap
  if (await Notification.requestPermission() !== "granted") throw new DOMException("", "NotAllowedError");
  await navigator.serviceWorker.register("/sw.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const { data } = await get("/api/push-key");
  const options = { userVisibleOnly: true, applicationServerKey: data.key };
  let made;
  try {
    made = await pushManager.subscribe(options);
  } catch (error) {
    // subscribed with the key of an earlier installation of this server
    if (error.name !== "InvalidStateError") throw error;
    await (await pushManager.getSubscription())?.unsubscribe();
    made = await pushManager.subscribe(options);
  }
  const { endpoint, keys } = made.toJSON();
  await call("PUT", `${path}/push`, { endpoint, keys });
  localStorage.setItem(note, "");
}

async function unsubscribe() {
  const made = await subscription();
  if (made) await call("DELETE", `${path}/push`, { endpoint: made.endpoint });
  localStorage.removeItem(note);
}

function ring(on) {
  bell.toggleAttribute("data-on", on);
}

function say(name) {
  for (const wrong of dialog.querySelectorAll("[data-wrong]")) {
    wrong.hidden = wrong.dataset.wrong !== name;
  }
}
