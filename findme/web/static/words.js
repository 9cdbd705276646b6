// The sentences of the page (a JSON element written by the server), numbers and times.
const language = document.documentElement.lang;
const element = document.getElementById("words");
const words = element ? JSON.parse(element.textContent) : {};
const rules = new Intl.PluralRules(language);
const decimals = new Intl.NumberFormat(language);
// the event's time zone if it has one, else the visitor's
const timeZone = document.documentElement.dataset.zone;
const times = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", timeZone });
const plain = new Intl.DateTimeFormat("en", { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", hourCycle: "h23", timeZone });

export const has = (key) => key in words;

/** The sentence of that name, with {values} filled in. */
export function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The form of the sentence that belongs to the number n. */
export function count(key, n, values = {}) {
  const form = words[key][rules.select(n)] ?? words[key].other;
  return form.replace(/\{(\w+)\}/g, (_, name) => (name === "n" ? number(n) : values[name] ?? ""));
}

/**
 * The page's words for an error, found by the beginning of the server's English sentence; else that
 * sentence.
 */
export function reason(sentence) {
  const start = Object.keys(words.reasons ?? {}).find((known) => sentence?.startsWith(known));
  return start ? words.reasons[start] : sentence ?? "";
}

export const number = (n) => decimals.format(n);

/** 23 h 14, or 11:14 PM: the catalogue orders the parts. */
export function clock(date) {
  const parts = Object.fromEntries(times.formatToParts(date).map(({ type, value }) => [type, value]));
  return say("clock", { h: Number(parts.hour), m: parts.minute, p: parts.dayPeriod ?? "" }).trim();
}

/** The date and time in that zone, as numbers to compare. */
export function calendar(date) {
  const parts = Object.fromEntries(plain.formatToParts(date).map(({ type, value }) => [type, Number(value)]));
  return { year: parts.year, hour: parts.hour, day: (parts.year * 100 + parts.month) * 100 + parts.day };
}

const weekday = { weekday: "long", day: "numeric", month: "long", timeZone };
const days = new Intl.DateTimeFormat(language, weekday);
const years = new Intl.DateTimeFormat(language, { ...weekday, year: "numeric" });
/** samedi 21 novembre, with the year if it is not this year */
export function day(date) {
  return (calendar(date).year === calendar(new Date()).year ? days : years).format(date);
}

/** The time of day, with the day if it is not today. */
export function moment(date) {
  const today = calendar(date).day === calendar(new Date()).day;
  return today ? clock(date) : `${day(date)}, ${clock(date)}`;
}

/** The description of a photo for screen readers: time and number of people, never names. */
export function photoName(photo) {
  const time = clock(new Date(photo.dated_at ?? photo.taken_at ?? photo.uploaded_at));
  return photo.faces ? count("photo_with", photo.faces, { time }) : say("photo_at", { time });
}
