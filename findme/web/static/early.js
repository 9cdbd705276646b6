// Buttons that only scripts bring to life: a press before those have come is made once they have.
// No module, so that it runs before the first of them can be pressed.
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
  // modules have all run by then
  addEventListener("DOMContentLoaded", () => {
    removeEventListener("click", hold, true);
    removeEventListener("submit", hold, true);
    again?.();
  });
}
