// Headings between the tiles: the hour, and the day if it is a new one, as tiles.add_headings does.
import { calendar, day as dayOf, say } from "./words.js";

const { lang: language, dataset: { zone: timeZone } } = document.documentElement;
const hours = new Intl.DateTimeFormat(language, { hour: "numeric", timeZone });

/** Set the headings of a grid, and the link to "Maybe you?" after the first hour. */
export function setHeadings(grid) {
  const wash = grid.querySelector(".wash");
  for (const old of grid.querySelectorAll(".hour, .fill")) old.remove();
  let last = null;
  let count = 0;
  for (const tile of grid.querySelectorAll(".tile")) {
    const when = new Date(tile.dataset.when);
    const at = calendar(when);
    const newDay = at.day !== last?.day;
    if (newDay || at.hour !== last.hour) {
      count += 1;
      if (count > 1) tile.before(filler());
      if (count === 2 && wash) tile.before(wash);
      tile.before(heading(when, newDay));
    }
    last = at;
  }
  if (wash && count < 2) grid.append(filler(), wash);
}

function heading(when, newDay) {
  const parts = Object.fromEntries(hours.formatToParts(when).map(({ type, value }) => [type, value]));
  const element = document.createElement("h2");
  element.className = "hour";
  const hour = document.createElement("span");
  hour.className = "num";
  hour.textContent = say("hour", { h: Number(parts.hour), p: parts.dayPeriod ?? "" }).trim();
  element.append(hour);
  if (newDay) {
    const day = document.createElement("span");
    day.className = "muted";
    day.textContent = dayOf(when);
    element.append(" ", day);
  }
  return element;
}

// fills the rest of a line, so that its tiles keep their size
function filler() {
  const element = document.createElement("i");
  element.className = "fill";
  return element;
}
