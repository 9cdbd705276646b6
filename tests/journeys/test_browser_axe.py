"""What no address shows, before axe: what opens over a page, and pages of what is wrong.

Every page that has an address is held to the same rules by test_browser_every_page.py.
"""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.accessibility import LOOKS, Look, hold, look_at, violations
from tests.support.browser import join, organising, visiting
from tests.support.pictures import labelled
from tests.support.service import Service


@pytest.fixture(scope="module")
def event(browser: Browser, service: Service) -> dict[str, Any]:
    """An event with photos; some of them show the guest."""
    with organising(browser, service) as organiser:
        made = organiser.make_event("Accessible")
        for path in sorted(labelled().people)[:12]:
            organiser.upload(made, path.name, path.read_bytes())
        address = f"/api/admin/events/{made['id']}"
        made["wall"] = organiser.call("PATCH", address, data={"wall": True})["wall_url"]
        return made


@LOOKS
def test_nothing_that_opens_breaks_a_rule(
    browser: Browser,
    service: Service,
    event: dict[str, Any],
    language: str,
    looks: tuple[Look, ...],
) -> None:
    """The wall, the first gallery, photos that are chosen, the viewer, and wrong addresses."""
    photos = labelled()
    name = next(name for path in sorted(photos.people)[:12] for name in sorted(photos.people[path]))
    with visiting(browser, service, language=language) as visit:
        page = visit.page
        look_at(visit, looks, "/nothing", "/e?code=XXXX")
        visit.goto(event["wall"].removeprefix(visit.url))
        expect(page.locator("figure[data-photo]")).to_have_count(1)
        page.keyboard.press("Space")
        hold(visit, looks, "wall")
        join(visit, event["code"], f"axe-{language[:2]}", photos.selfies[name])
        hold(visit, looks, "gallery")
        expect(page.locator(".tile >> nth=0")).to_be_visible()
        # a guest who is here already
        look_at(visit, looks, f"/e/{event['code']}", f"/gallery?event={event['id']}")
        page.click("[data-choose]")
        page.click(".tile >> nth=0")
        hold(visit, looks, "choosing")
        page.click("[data-unchoose]")
        page.click(".tile >> nth=0")
        page.keyboard.press("i")
        hold(visit, looks, "viewer")


def test_the_check_would_notice(browser: Browser, service: Service) -> None:
    """A picture without a name is found: the rules do run."""
    with visiting(browser, service) as visit:
        visit.goto("/login")
        visit.page.evaluate("document.querySelector('main').append(new Image(9, 9))")
        assert [found.partition(":")[0] for found in violations(visit)] == ["image-alt"]
