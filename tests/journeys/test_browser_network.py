"""A guest on a bad network, or with a phone that puts tabs away: nothing is lost or mixed up."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.browser import Organiser, Visit
from tests.pictures import drawn

#: More than two pages of the gallery.
PHOTOS = 130


@pytest.fixture(scope="module")
def event(organiser: Organiser) -> dict[str, Any]:
    """An event with a long gallery, open to who only looks."""
    made = organiser.make_event("Longue soirée", browse=True, accounts="optional")
    for number in range(PHOTOS):
        organiser.upload(made, f"{number}.jpg", drawn(1000 + number, 160, 120))
    return made


@pytest.fixture
def page(guest: Visit, event: dict[str, Any]) -> Page:
    """The gallery of all photos, its script at work."""
    guest.goto(f"/e/{event['code']}")
    guest.page.click("text=Voir la galerie sans selfie")
    guest.page.wait_for_url("**tab=all")
    main = guest.page.locator("main[data-gallery]")
    # nothing is told to this page while it loads: the pictures may still be made
    while f'"all": {PHOTOS},' not in str(main.get_attribute("data-counts")):
        guest.page.reload()
    return guest.page


def to_the_end(page: Page) -> None:
    """Scroll until the oldest photo is there."""
    while page.locator(".tile").count() < PHOTOS:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")


def on_screen(page: Page, tile: str) -> None:
    """Assert that a photo is within the window."""
    expect(page.locator(f"#{tile}")).to_be_in_viewport()


def test_a_page_that_does_not_come_is_not_asked_for_again_and_again(page: Page) -> None:
    """Once for each time somebody comes near the end; then the link is there to tap."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/api/all-photos?*", refuse)
    with page.expect_event("requestfailed", lambda request: "/api/all-photos" in request.url):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    # whatever follows a failure at once has been asked for before these have been answered
    for _ in range(20):
        page.evaluate("fetch(document.querySelector('.tile img').src).then((it) => it.blob())")
    assert len(asked) < 4
    assert page.locator(".tile").count() == 60

    page.unroute("**/api/all-photos?*", refuse)
    page.click("text=Photos plus anciennes")
    expect(page.locator(".tile")).not_to_have_count(60)


def test_a_photo_that_is_on_its_way_is_not_shown_as_the_one_before(page: Page) -> None:
    """Where its preview does not come, the small picture of the same photo stands there."""
    page.route("**/api/photo/*size=preview*", lambda route: route.abort())
    tiles = page.locator(".tile img")
    shown = page.locator("#viewer .stage img")
    page.click(".tile >> nth=0")
    for turn in (0, 1, 2):
        small = tiles.nth(turn).get_attribute("src")
        assert small is not None
        expect(shown).to_have_attribute("src", re.compile(re.escape(small) + "$"))
        assert shown.evaluate("async (image) => (await image.decode(), image.naturalWidth)") > 0
        page.keyboard.press("ArrowRight")


def test_back_closes_a_photo_that_was_loaded_anew(page: Page) -> None:
    """The gallery is there again, where it was left, and it is no dead address."""
    to_the_end(page)
    tile = page.locator(".tile").nth(PHOTOS - 4)
    name = tile.get_attribute("id")
    assert name is not None
    tile.click()
    expect(page.locator("#viewer")).to_be_visible()
    page.reload()
    expect(page.locator("main.viewer [data-act=about]")).to_be_visible()
    page.go_back()
    expect(page.locator("main.viewer")).to_be_hidden()
    on_screen(page, name)


def test_coming_back_to_a_long_gallery_leads_to_the_same_place(page: Page) -> None:
    """However many pages were scrolled through, after another page and after a reload."""
    to_the_end(page)
    last = page.locator(".tile").nth(PHOTOS - 1).get_attribute("id")
    assert last is not None
    page.goto(page.url.partition("/gallery")[0] + "/account")
    page.go_back()
    on_screen(page, last)
    page.reload()
    on_screen(page, last)
