// The desk: the figures every two seconds, and what failed with a way to take it up again.
import { call, get } from "./api.js";
import { toast } from "./app.js";
import { clock, count, has, number, reason, say } from "./words.js";

const EVERY = 2000; // ms between two looks
const language = document.documentElement.lang;
const unit = (name, digits = 0) => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits });
const seconds = unit("second");
const minutes = unit("minute");
const hours = unit("hour", 1);
const megabytes = unit("megabyte");
const dollars = new Intl.NumberFormat(language, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" });
const percents = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 2 });

const shown = {
  int: number,
  usd: (value) => dollars.format(value),
  sum: (calls) => number(Object.values(calls).reduce((sum, n) => sum + n, 0)),
  percent: (text) => percents.format(Number.parseFloat(text) / 100),
  megabytes: (value) => megabytes.format(value),
  seconds: (value) => (value < 120 ? seconds.format(value) : value < 7200 ? minutes.format(value / 60) : hours.format(value / 3600)),
};

const live = document.getElementById("live");
const stale = document.getElementById("stale");
let fetchedAt = new Date();

async function look() {
  if (document.hidden) return;
  try {
    const [stats, failed] = await Promise.all([
      get("/api/admin/queue/stats"),
      get("/api/admin/queue/jobs?state=failed&limit=50"),
    ]);
    show(stats.data);
    list(failed.data);
    fetchedAt = new Date();
    live.hidden = false;
    stale.hidden = true;
  } catch (problem) {
    if (problem.status === 401 || problem.status === 404) return location.reload();
    live.hidden = true;
    stale.textContent = say("stale", { time: clock(fetchedAt) });
    stale.hidden = false;
  }
}

function show(stats) {
  for (const element of document.querySelectorAll("[data-value]")) {
    const value = element.dataset.value.split(".").reduce((part, key) => part?.[key], stats);
    element.textContent = value === undefined ? "–" : shown[element.dataset.kind](value);
  }
  document.getElementById("engine").hidden = stats.queue.engine_answers !== false;
}

function list(jobs) {
  const box = document.getElementById("failed");
  document.getElementById("none-failed").hidden = jobs.length > 0;
  document.getElementById("retry-all").hidden = jobs.length < 2;
  const ids = jobs.map((job) => job.id).join();
  if (box.dataset.ids === ids) return; // leave the rows, and the focus in them, alone
  box.dataset.ids = ids;
  box.replaceChildren(...jobs.map((job) => {
    const row = document.getElementById("job").content.firstElementChild.cloneNode(true);
    const name = nameOf(job);
    row.querySelector("strong").textContent = name;
    row.querySelector(".small").textContent = `${reason(job.error)} ${count("attempts", job.attempts)}`;
    row.title = job.error ?? "";
    const button = row.querySelector("button");
    button.setAttribute("aria-label", say("retry", { name }));
    button.addEventListener("click", () => retry([job]));
    return row;
  }));
  box.jobs = jobs;
}

const nameOf = ({ filename, kind }) => filename ?? (has(`kind_${kind}`) ? say(`kind_${kind}`) : kind);

async function retry(jobs) {
  try {
    for (const job of jobs) await call("POST", `/api/admin/queue/jobs/${job.id}/retry`);
    toast(count("retried", jobs.length));
  } catch {
    toast(say("failed"));
  }
  look();
}

document.getElementById("retry-all").addEventListener("click", () => retry(document.getElementById("failed").jobs));
document.getElementById("clear-cache").addEventListener("click", async () => {
  try {
    toast(count("cleared", (await call("POST", "/api/admin/cache/clear")).data.cleared));
  } catch {
    toast(say("failed"));
  }
});
look();
setInterval(look, EVERY);
