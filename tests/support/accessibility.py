"""axe-core in a real browser: WCAG 2.2 A and AA, and its best practices."""

from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from tests.support.browser import DESKTOP, PHONE, Visit

#: Each pair of a width, a colour scheme and a language, in half of all combinations: contrast is
#: the scheme's, and the room that words need is the width's and the language's.
LOOKS = pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [
        pytest.param(PHONE, "light", "fr-FR", id="phone-light-fr"),
        pytest.param(PHONE, "dark", "en-GB", id="phone-dark-en"),
        pytest.param(DESKTOP, "light", "en-GB", id="desktop-light-en"),
        pytest.param(DESKTOP, "dark", "fr-FR", id="desktop-dark-fr"),
    ],
)

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
