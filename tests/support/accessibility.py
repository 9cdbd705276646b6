"""axe-core in a real browser: WCAG 2.2 A and AA, and its best practices."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pytest

from tests.support.browser import DESKTOP, PHONE, Visit


@dataclass(frozen=True)
class Look:
    """How a page is looked at: the size in CSS pixels and the colour scheme."""

    size: tuple[int, int]
    scheme: Literal["light", "dark"]

    def set_on(self, visit: Visit) -> None:
        """Show the window's pages this way from now on, without motion."""
        visit.page.set_viewport_size({"width": self.size[0], "height": self.size[1]})
        visit.page.emulate_media(color_scheme=self.scheme, reduced_motion="reduce")


def look_cases(small: tuple[int, int]) -> pytest.MarkDecorator:
    """Return the cases of a test: a language, and the two looks of every page in it.

    Each pair of a width, a colour scheme and a language is in one of them: contrast is the
    scheme's, and the room that words need is the width's and the language's. Both looks are of
    the same load, which takes as much CPU as axe.
    """
    return pytest.mark.parametrize(
        ("language", "looks"),
        [
            pytest.param("fr-FR", (Look(small, "light"), Look(DESKTOP, "dark")), id="fr"),
            pytest.param("en-GB", (Look(DESKTOP, "light"), Look(small, "dark")), id="en"),
        ],
    )


LOOKS = look_cases(PHONE)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def axe() -> str:
    """Return the script of axe-core."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def violations(visit: Visit) -> list[str]:
    """Return what axe finds on the page as it stands: the rule, and the elements that break it."""
    if not visit.page.evaluate("'axe' in window"):
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


def hold(visit: Visit, looks: Iterable[Look], name: str) -> None:
    """Hold the page to the rules as it stands, one look after the other; the last one stays."""
    for look in looks:
        look.set_on(visit)
        assert violations(visit) == [], f"{name}, {look}"


def look_at(visit: Visit, looks: Iterable[Look], *paths: str) -> None:
    """Check pages, each as it stands once it is loaded."""
    for path in paths:
        visit.goto(path)
        hold(visit, looks, path)
