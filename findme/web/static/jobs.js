// The jobs: retry, pause, and the limits.
import { call } from "./api.js";
import { toast } from "./app.js";
import { count, say } from "./words.js";

async function act(method, address, body) {
  try {
    return (await call(method, address, body)).data;
  } catch {
    toast(say("failed"));
    return null;
  }
}

for (const button of document.querySelectorAll("[data-retry]")) {
  button.addEventListener("click", async () => {
    if (!(await act("POST", `/api/admin/queue/jobs/${button.dataset.retry}/retry`))) return;
    toast(count("retried", 1));
    // the focus goes on to the next row
    const row = button.closest("tr");
    (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector("a")?.focus();
    if (row) row.remove();
    else location.reload();
  });
}

document.getElementById("retry-all")?.addEventListener("click", async () => {
  const done = await act("POST", "/api/admin/queue/jobs/retry", { state: "failed" });
  if (done) location.assign("/admin/jobs?state=queued");
});

const pause = document.getElementById("pause");
pause?.addEventListener("click", async () => {
  const wanted = pause.dataset.paused !== "true";
  const done = await act("POST", `/api/admin/queue/${wanted ? "pause" : "resume"}`);
  if (!done) return;
  pause.dataset.paused = String(done.paused);
  pause.querySelector("span").textContent = done.paused ? pause.dataset.resume : pause.dataset.pause;
  document.getElementById("paused").hidden = !done.paused;
  toast(say(done.paused ? "paused" : "resumed"));
});

document.getElementById("controls")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const numbers = Object.fromEntries([...form].map(([name, value]) => [name, Number(value)]));
  if (await act("PATCH", "/api/admin/queue", numbers)) toast(say("set"));
});
