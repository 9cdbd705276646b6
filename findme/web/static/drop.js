// Uploads: one request per file, three at a time, a result for each.
import { count, has, number, reason, say } from "./words.js";

const AT_ONCE = 3;
const AGAIN = 5; // s until the next try if the server named no time
const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", heic: "image/heic", heif: "image/heic" };

/** Make *box* accept files for an event; *changed* is called as photos arrive. */
export function setUpDrop(eventId, changed) {
  const drop = document.getElementById("drop");
  const input = document.getElementById("files");
  const card = document.getElementById("uploads");
  const list = card.querySelector(".uploads");
  const queue = [];
  let running = 0;
  let done = 0;
  let total = 0;
  let rejected = 0;

  function add(files) {
    for (const file of files) {
      const row = document.getElementById("upload").content.firstElementChild.cloneNode(true);
      row.firstElementChild.textContent = file.name;
      verdict(row, "waiting");
      list.append(row);
      queue.push({ file, row });
      total += 1;
    }
    card.hidden = total === 0;
    head();
    start();
  }

  function start() {
    while (running < AT_ONCE && queue.length) {
      running += 1;
      const { file, row } = queue.shift();
      upload(file, row).finally(() => {
        running -= 1;
        done += 1;
        head();
        changed();
        start();
      });
    }
  }

  function head() {
    const refused = rejected ? `, ${count("uploads_rejected", rejected)}` : "";
    document.getElementById("uploads-title").textContent =
      count("uploads", done, { total: number(total) }) + refused;
  }

  async function upload(file, row) {
    for (;;) {
      const answer = await post(file, row);
      const wait = Number(answer.retryAfter) || AGAIN;
      if (answer.status === 503 || answer.status === 429) {
        const why = answer.body?.code === "disk_full" ? "disk_full" : "queue_full";
        verdict(row, why, "warn", { n: number(wait) });
        await pause(wait);
      } else if (answer.status === 0) {
        verdict(row, "lost", "warn");
        await pause(AGAIN);
      } else {
        const result = answer.body?.results?.[0] ?? { status: "rejected", error: answer.body?.detail };
        if (result.status === "rejected") {
          rejected += 1;
          list.prepend(row); // among fifty it would not be seen
        }
        verdict(row, has(result.status) ? result.status : "rejected",
          { queued: "ok", duplicate: "", rejected: "alert" }[result.status] ?? "alert");
        row.querySelector(".meter").hidden = true;
        row.dataset.done = result.status;
        if (result.error) {
          row.firstElementChild.textContent = say("refused_because", { name: file.name, reason: reason(result.error) });
          row.title = result.error;
        }
        return;
      }
    }
  }

  function post(file, row) {
    return new Promise((settle) => {
      const request = new XMLHttpRequest();
      const url = `/api/events/${eventId}/photos?filename=${encodeURIComponent(file.name)}`;
      request.open("POST", url);
      request.setRequestHeader("Content-Type", file.type || TYPES[file.name.split(".").pop().toLowerCase()] || "application/octet-stream");
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", ({ loaded, total: size }) => {
        const share = size ? loaded / size : 0;
        verdict(row, "sending", "", { n: number(Math.round(100 * share)) });
        row.querySelector(".meter i").style.width = `${100 * share}%`;
      });
      request.addEventListener("load", () => settle({
        status: request.status, body: parsed(request.responseText), retryAfter: request.getResponseHeader("Retry-After"),
      }));
      request.addEventListener("error", () => settle({ status: 0 }));
      request.addEventListener("abort", () => settle({ status: 0 }));
      request.send(file);
    });
  }

  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer.files);
  });
  document.getElementById("pick").addEventListener("click", () => input.click());
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
  document.getElementById("clear-uploads").addEventListener("click", () => {
    for (const row of list.querySelectorAll("[data-done]")) row.remove();
    total -= done;
    done = rejected = 0;
    head();
    card.hidden = !list.children.length;
  });
  // a drop beside the zone must not replace the page by the picture
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
}

function verdict(row, key, tone = "", values = {}) {
  const chip = row.querySelector(".chip");
  chip.className = `chip ${tone}`;
  chip.textContent = say(key, values);
}

const pause = (seconds) => new Promise((done) => { setTimeout(done, 1000 * seconds); });

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
