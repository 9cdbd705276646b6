"""Every page before axe: WCAG 2.2 A and AA, by day and by night, in both languages, two widths."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.support.accessibility import look_at, violations
from tests.support.browser import DESKTOP, PHONE, join, organising, visiting
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


@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_breaks_a_rule(
    browser: Browser,
    service: Service,
    event: dict[str, Any],
    language: str,
    scheme: Literal["light", "dark"],
    size: tuple[int, int],
) -> None:
    """A visitor's, a guest's and an organiser's pages, and what opens over them."""
    photos = labelled()
    name = next(name for path in sorted(photos.people)[:12] for name in sorted(photos.people[path]))
    gallery = f"/gallery?event={event['id']}"
    with visiting(browser, service, size, language=language) as visit:
        page = visit.page
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        look_at(visit, "/", "/login", "/nothing", f"/e/{event['code']}", "/e?code=XXXX")
        visit.goto(event["wall"].removeprefix(visit.url))
        expect(page.locator("figure[data-photo]")).to_have_count(1)
        page.keyboard.press("Space")
        assert violations(visit) == [], "wall"
        email = f"axe-{language[:2]}-{scheme}-{size[0]}"
        join(visit, event["code"], email, photos.selfies[name])
        assert violations(visit) == [], "gallery"
        expect(page.locator(".tile >> nth=0")).to_be_visible()
        look_at(visit, "/", "/account", f"/e/{event['code']}")
        look_at(visit, f"{gallery}&tab=all", f"{gallery}&tab=maybe", gallery)
        page.click("[data-choose]")
        page.click(".tile >> nth=0")
        assert violations(visit) == [], "choosing"
        page.click("[data-unchoose]")
        page.click(".tile >> nth=0")
        page.keyboard.press("i")
        assert violations(visit) == [], "viewer"
        look_at(visit, page.url.removeprefix(visit.url))
    with visiting(browser, service, size, language=language) as visit:
        visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        visit.goto("/login")
        visit.page.fill("#email", service.admin_email)
        visit.page.fill("#password", service.admin_password)
        visit.page.press("#password", "Enter")
        visit.page.wait_for_url("**/admin")
        look_at(visit, "/admin", "/admin/events", f"/admin/events/{event['id']}")
        look_at(visit, "/admin/audit", "/admin/webhooks")


def test_the_check_would_notice(browser: Browser, service: Service) -> None:
    """A picture without a name is found: the rules do run."""
    with visiting(browser, service) as visit:
        visit.goto("/login")
        visit.page.evaluate("document.querySelector('main').append(new Image(9, 9))")
        assert [found.partition(":")[0] for found in violations(visit)] == ["image-alt"]
