// The receipt: printing it is also how browsers save it as a PDF.
const button = document.querySelector("[data-print]");
button.hidden = false;
button.addEventListener("click", () => print());
