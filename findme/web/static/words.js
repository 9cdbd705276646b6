// The sentences of the page (a JSON element written by the server), numbers and times.
const language = document.documentElement.lang;
const element = document.getElementById("words");
const words = element ? JSON.parse(element.textContent) : {};
const rules = new Intl.PluralRules(language);
const decimals = new Intl.NumberFormat(language);
const times = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });

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

/** Why something failed, by how the server's English sentence begins; else that sentence. */
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

const days = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
/** samedi 21 novembre */
export const day = (date) => days.format(date);

/** The time of day, with the day where that is another one than today. */
export function moment(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(date) : `${day(date)}, ${clock(date)}`;
}

/** What a screen reader hears of a photo: when, and how many people, never who. */
export function photoName(photo) {
  const time = clock(new Date(photo.taken_at ?? photo.uploaded_at));
  return photo.faces ? count("photo_with", photo.faces, { time }) : say("photo_at", { time });
}
