"""axe-core in a real browser: WCAG 2.2 A and AA, and its best practices."""

from functools import cache
from importlib.resources import files
from typing import Any

from tests.support.browser import Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def axe() -> str:
    """Return the script of axe-core."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def violations(visit: Visit) -> list[str]:
    """Return what axe finds on the page as it stands: the rule, and the elements that break it."""
    visit.page.evaluate(axe())
    found: list[dict[str, Any]] = visit.page.evaluate(
        """async (rules) => (await axe.run({
            runOnly: rules, resultTypes: ["violations"],
        })).violations""",
        RULES,
    )
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found
        for node in rule["nodes"]
    ]


def look_at(visit: Visit, *paths: str) -> None:
    """Check pages, each as it stands once it is loaded."""
    for path in paths:
        visit.goto(path)
        assert violations(visit) == [], path
