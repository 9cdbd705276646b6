// What a guest hears where a tap came to nothing.
import { toast } from "./app.js";
import { say } from "./words.js";

/** Say that it failed; where the session has ended, load the page anew: it leads to the sign-in. */
export function failed({ status }) {
  if (status === 401) location.reload();
  else toast(say("failed"));
}
