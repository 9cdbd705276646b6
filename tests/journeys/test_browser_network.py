"""A guest on a bad network, or with a phone that puts tabs away: nothing is lost or mixed up."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import Organiser, Visit, fill_in
from tests.support.pictures import drawn, labelled

#: More than two pages of the gallery.
PHOTOS = 130


@pytest.fixture(scope="module")
def event(organiser: Organiser) -> dict[str, Any]:
    """An event with a long gallery, open to who only looks."""
    made = organiser.make_event("Longue soirée", browse=True, accounts="optional")
    for number in range(PHOTOS):
        organiser.upload(made, f"{number}.jpg", drawn(1000 + number, 160, 120))
    organiser.wait_for_jobs()
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


def test_a_heart_after_the_session_has_ended_leads_to_the_sign_in(page: Page, guest: Visit) -> None:
    """Instead of asking to try what cannot succeed."""
    page.click(".tile >> nth=0")
    expect(page.locator("#viewer")).to_be_visible()
    guest.context.clear_cookies(name="findme_session")
    page.click("#viewer [data-act=favourite]")
    page.wait_for_url("**/login?next=/gallery/*")
    expect(page.locator("h1")).to_have_text("Retrouvez vos photos")


BROKEN = {
    "cut off": {"status": 201, "content_type": "application/json", "body": '{"selfie": {"sta'},
    "another's page": {"status": 200, "content_type": "text/html", "body": "<h1>Wi-Fi</h1>"},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_joining_over_a_broken_network_is_said_and_tried_again(
    guest: Visit, organiser: Organiser, kind: str
) -> None:
    """What comes in the server's place is no success; the same selfie goes out again."""
    made = organiser.make_event("Réseau")
    page = guest.page
    guest.goto(f"/e/{made['code']}")
    fill_in(page, kind.split()[0].replace("'", ""))
    page.click("text=Prendre mon selfie")
    page.set_input_files("[data-pick=file]", next(iter(labelled().selfies.values())))

    def answer(route: Route) -> None:
        route.fulfill(**BROKEN[kind])  # type: ignore[arg-type]  # as the table has it

    page.route("**/api/events/*/join", answer)
    page.click("text=Utiliser ce selfie")
    expect(page.locator("#camera .coach")).to_have_text(re.compile("Votre selfie est toujours là"))
    page.unroute("**/api/events/*/join", answer)
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")


def test_a_join_whose_answer_was_lost_is_the_same_guest(guest: Visit, organiser: Organiser) -> None:
    """The server has them, the phone does not know it, and they press again."""
    made = organiser.make_event("Réponse", accounts="optional")
    page = guest.page
    guest.goto(f"/e/{made['code']}")
    page.wait_for_load_state()
    page.fill("#name", "Nia")
    page.check("#consent")
    page.click("text=Prendre mon selfie")
    page.set_input_files("[data-pick=file]", next(iter(labelled().selfies.values())))
    network = guest.context.new_cdp_session(page)
    answered: list[int] = []

    def lose(answer: dict[str, Any]) -> None:
        answered.append(answer["responseStatusCode"])
        lost = {"requestId": answer["requestId"], "errorReason": "ConnectionReset"}
        network.send("Fetch.failRequest", lost)

    network.on("Fetch.requestPaused", lose)
    pattern = {"urlPattern": "*/api/events/*/join", "requestStage": "Response"}
    network.send("Fetch.enable", {"patterns": [pattern]})
    page.click("text=Utiliser ce selfie")
    expect(page.locator("#camera .coach")).to_have_text(re.compile("Votre selfie est toujours là"))
    # what the request brought for the browser was lost with it
    guest.context.clear_cookies()
    network.send("Fetch.disable")
    page.click("text=Utiliser ce selfie")
    expect(page.locator("h2")).to_have_text("Gardez ce lien : c’est votre clé")
    listed = organiser.call("GET", f"/api/admin/events/{made['id']}/guests")
    assert answered == [201]
    assert len(listed) == 1


def test_an_event_that_is_gone_says_so_to_who_is_joining(
    guest: Visit, organiser: Organiser
) -> None:
    """Trying again would not help."""
    made = organiser.make_event("Annulé")
    page = guest.page
    guest.goto(f"/e/{made['code']}")
    fill_in(page, "late")
    page.click("text=Prendre mon selfie")
    page.set_input_files("[data-pick=file]", next(iter(labelled().selfies.values())))
    organiser.call("DELETE", f"/api/admin/events/{made['id']}")
    page.click("text=Utiliser ce selfie")
    expect(page.locator("#code-wrong")).to_contain_text("Ce code n’ouvre aucun événement.")


def test_an_empty_gallery_says_that_the_network_is_back(guest: Visit, organiser: Organiser) -> None:
    """Where nothing is to be counted the sentence of before returns."""
    made = organiser.make_event("Vide", browse=True, accounts="optional")
    page = guest.page
    # going offline leaves a stream that is open alone: without one, the page asks
    page.route("**/stream", lambda route: route.fulfill(status=502, body="no"))
    guest.goto(f"/e/{made['code']}")
    page.click("text=Voir la galerie sans selfie")
    page.wait_for_url("**tab=all")
    sentence = page.locator("[data-progress]")
    guest.context.set_offline(True)
    expect(sentence).to_contain_text("Connexion perdue")
    guest.context.set_offline(False)
    expect(sentence).to_contain_text("Pas encore de photo")
