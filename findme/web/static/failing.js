// The message for a guest if an action failed.
import { toast } from "./app.js";
import { say } from "./words.js";

/** Say that it failed; if the session has ended, reload the page, which leads to the sign-in. */
export function failed({ status }) {
  if (status === 401) location.reload();
  else toast(say("failed"));
}
