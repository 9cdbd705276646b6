// On a narrow screen the tab that is open may lie beyond the edge: bring it into view.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
