// The live parts of a page: requested again, and replaced if they differ.

let asked = 0;

/** Fetch this page again and replace its [data-live] parts; what is ticked stays ticked. */
export async function refresh() {
  asked += 1;
  const mine = asked;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const text = await answer.text();
  // with two requests at once, the older answer may come last
  if (!answer.ok || mine !== asked) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${part.dataset.live}"]`);
    // compared as the server wrote it, since ticks and focus are not in the text
    if (!old || old.innerHTML === part.innerHTML) continue;
    for (const tick of old.querySelectorAll("input:checked")) {
      const same = part.querySelector(`input[name="${tick.name}"][value="${tick.value}"]`);
      if (same) same.checked = true;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(document.adoptNode(part));
    if (focused) refocus(part, focused);
  }
}

function refocus(part, focused) {
  const same = focused.value !== undefined
    ? part.querySelector(`[name="${focused.name}"][value="${focused.value}"]`)
    : part.querySelector(`[href="${focused.getAttribute("href")}"]`);
  same?.focus();
}
