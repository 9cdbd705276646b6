"""Guests with a name only, and those without a selfie, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.browser import NARROW, Organiser, Visit, film, launched, visiting
from tests.support.pictures import drawn, person_alone
from tests.support.service import Service


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of these tests; its camera shows the guest's selfie."""
    camera = film(person_alone()[1], tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with launched(camera) as opened:
        yield opened


@pytest.fixture(scope="module")
def event(organiser: Organiser) -> dict[str, Any]:
    """An event where a name will do, and the gallery is open; one photo shows the guest."""
    made = organiser.make_event("Inès & Malik")
    choices = {"accounts": "optional", "browse": True}
    organiser.call("PATCH", f"/api/admin/events/{made['id']}", data=choices)
    organiser.upload(made, "scene.jpg", drawn(1))
    organiser.upload(made, "photo.jpg", person_alone()[2].read_bytes())
    return made


def take_selfie(page: Page) -> None:
    """Press the shutter and use the picture."""
    page.click("text=Prendre mon selfie")
    page.click(".shutter")
    page.click("text=Utiliser ce selfie")


def join_by_name(visit: Visit, event: dict[str, Any]) -> str:
    """Join with a name; return the path of the link that is shown."""
    page = visit.page
    visit.goto(f"/e/{event['code']}")
    page.fill("#name", "Nia")
    page.check("#consent")
    take_selfie(page)
    expect(page.locator("h2")).to_have_text("Gardez ce lien : c’est votre clé")
    return page.input_value("#key-url").removeprefix(visit.url)


def test_a_name_is_enough_and_the_link_opens_it_again(
    browser: Browser, service: Service, guest: Visit, event: dict[str, Any]
) -> None:
    """One field, the selfie, the link; the gallery here, and in another browser by the link."""
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    expect(page.locator("form#join input:visible")).to_have_count(2)
    link = join_by_name(guest, event)
    assert link.startswith("/k/fmk_")
    expect(page.locator("h2")).to_be_focused()
    assert violations(guest) == []
    page.click("text=Continuer vers les photos")
    expect(page.locator(".tile")).to_have_count(1)

    with visiting(browser, service) as other:
        other.goto(link)
        assert violations(other) == []
        other.page.click("text=Ouvrir mes photos")
        other.page.wait_for_url("**/gallery?event=*")
        expect(other.page.locator(".tile")).to_have_count(1)
        other.goto("/account")
        other.page.click("text=Nouveau lien")
        fresh = other.page.input_value("#key-url").removeprefix(other.url)
        assert fresh != link
        assert violations(other) == []
        other.goto(link)
        expect(other.page.locator("h1")).to_have_text("Il n’y a rien ici.")


def test_a_link_that_cannot_be_copied_is_selected(guest: Visit, event: dict[str, Any]) -> None:
    """It is shown this once: where the browser refuses, the hand can take it."""
    page = guest.page
    join_by_name(guest, event)
    page.evaluate("""() => {
        navigator.clipboard.writeText = () => Promise.reject(new DOMException());
    }""")
    page.click("[data-copied]")
    expect(page.locator("[data-copied]")).to_contain_text("copiez-le à la main")
    expect(page.locator("#key-url")).to_be_focused()
    assert page.evaluate("getSelection().toString()") == page.input_value("#key-url")


def test_a_second_tap_on_a_selfie_that_was_taken_sends_nothing(
    guest: Visit, event: dict[str, Any]
) -> None:
    """The link that is shown once stays: no second answer leads away from it."""
    page = guest.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    guest.goto(f"/e/{event['code']}")
    page.fill("#name", "Nia")
    page.check("#consent")
    # the tap comes as soon as the answer is told
    page.evaluate("""() => {
        const coach = document.querySelector(".coach");
        const use = document.querySelector("[data-act=use]");
        const told = () => /vos photos/i.test(coach.textContent) && use.click();
        new MutationObserver(told).observe(coach, { childList: true });
    }""")
    take_selfie(page)
    expect(page.locator("h2")).to_have_text("Gardez ce lien : c’est votre clé")
    assert len([url for url in sent if url.endswith("/join")]) == 1


def test_who_wants_an_account_fills_it_in_whole(guest: Visit, event: dict[str, Any]) -> None:
    """Opened, both fields count; folded away again, neither does."""
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    page.fill("#name", "Nia")
    page.check("#consent")
    page.click("details summary")
    page.fill("#email", "half")
    page.click("text=Prendre mon selfie")
    expect(page.locator("#email-wrong")).to_be_visible()
    expect(page.locator("#password-wrong")).to_be_visible()
    assert violations(guest) == []
    page.click("details summary")
    page.click("text=Prendre mon selfie")
    expect(page.locator("#camera")).to_be_visible()


def test_the_gallery_without_a_selfie_and_one_later(guest: Visit, event: dict[str, Any]) -> None:
    """All photos and nothing of one's own; then consent and a selfie, and nothing asked twice."""
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    page.click("text=Voir la galerie sans selfie")
    expect(page.locator("h1")).to_contain_text("Toutes les photos")
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".tabs a:visible")).to_have_count(1)
    assert violations(guest) == []
    page.click("text=Trouver mes photos avec un selfie")
    page.fill("#name", "Léa")
    page.wait_for_load_state()
    page.click("text=Prendre mon selfie")
    expect(page.locator("#consent-wrong")).to_contain_text("ou voyez la galerie sans selfie")
    page.check("#consent")
    take_selfie(page)
    page.wait_for_url("**/gallery?event=*")
    expect(page.locator("h1")).to_contain_text("Vos photos")
    expect(page.locator(".tile")).to_have_count(1)


def test_a_heart_a_report_and_the_keys(guest: Visit, event: dict[str, Any]) -> None:
    """F marks, the tab appears and shows it; the report is one question; letters can be off."""
    page = guest.page
    join_by_name(guest, event)
    page.click("text=Continuer vers les photos")
    page.wait_for_url("**/gallery?event=*")
    page.click(".tile")
    heart = page.locator("#viewer [data-act=favourite]")
    expect(heart).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("f")
    expect(heart).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("i")
    page.click("[data-act=report]")
    expect(page.locator("#report h2")).to_be_focused()
    assert violations(guest) == []
    page.check("#report [value=of_me]")
    page.click("#report button.main")
    expect(page.locator("#toast")).to_contain_text("l’organisateur regardera cette photo")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    page.click(".tabs a:has-text('Favoris')")
    expect(page.locator("h1")).to_contain_text("Favoris")
    expect(page.locator(".tile")).to_have_count(1)
    assert violations(guest) == []

    guest.goto("/account")
    # the choice sends itself
    with page.expect_navigation():
        page.uncheck("[name=letter_keys]")
    expect(page.locator("[name=letter_keys]")).not_to_be_checked()
    guest.goto(f"/gallery?event={event['id']}")
    page.click(".tile")
    page.keyboard.press("f")
    page.keyboard.press("ArrowRight")
    expect(heart).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()


def test_the_face_goes_and_the_gallery_stays(guest: Visit, event: dict[str, Any]) -> None:
    """From the account, over one question, to the receipt; the gallery without own photos."""
    page = guest.page
    join_by_name(guest, event)
    guest.goto("/account")
    assert violations(guest) == []
    page.click("text=Retirer mon accord")
    expect(page.locator("h1")).to_contain_text("Retirer mon accord")
    assert violations(guest) == []
    page.click("form[data-erase] button")
    expect(page.locator(".check.ok")).to_contain_text("rien n’est resté")
    guest.goto(f"/gallery?event={event['id']}")
    expect(page.locator("h1")).to_contain_text("Toutes les photos")
    expect(page.locator(".tile")).to_have_count(2)


def test_without_scripts_all_of_it_works(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """Joining by name, the link, a heart, a report, leaving; and nothing scrolls sideways."""
    selfie: Path = person_alone()[1]
    with visiting(browser, service, NARROW, scripts=False) as visit:
        page = visit.page
        visit.goto(f"/e/{event['code']}")
        page.fill("#name", "Nia")
        page.check("#consent")
        page.set_input_files("#selfie", selfie)
        page.click("#join noscript button")
        expect(page.locator("h1")).to_have_text("Gardez ce lien : c’est votre clé")
        assert visit.overflow() <= 0
        page.click("text=Continuer vers les photos")
        page.click(".tabs a:has-text('Toutes')")
        page.click(".tile >> nth=0")
        page.click("button:has-text('Favori')")
        expect(page.locator("button:has-text('Favori')")).to_have_attribute("aria-pressed", "true")
        page.click("text=Signaler cette photo")
        page.check("[value=private]")
        assert visit.overflow() <= 0
        page.click("text=Envoyer à l’organisateur")
        expect(page.locator("h1")).to_have_text("C’est noté, merci")
        visit.goto("/account")
        assert visit.overflow() <= 0
        page.click("text=Tout effacer")
        page.click("form[data-erase] button")
        expect(page.locator("h1")).to_have_text("Votre visage est effacé.")
