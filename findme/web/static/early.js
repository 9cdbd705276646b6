// Buttons that need a script: a press before the script has loaded is repeated once it has.
// This is no module, so it runs before the first of them can be pressed.
{
  let again = null;

  const hold = (event) => {
    const button = event.type === "click" && event.target.closest("button[type=button]");
    const form = event.type === "submit" && event.target.closest("form[method=dialog]");
    if (!button && !form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    again = () => (button ? button.click() : form.requestSubmit(event.submitter));
  };

  addEventListener("click", hold, true);
  addEventListener("submit", hold, true);
  // all modules have run at this point
  addEventListener("DOMContentLoaded", () => {
    removeEventListener("click", hold, true);
    removeEventListener("submit", hold, true);
    again?.();
  });
}
