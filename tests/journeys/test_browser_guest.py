"""A guest's evening in a real browser: code, selfie, photos, and leaving again."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import Organiser, Visit, fill_in, film, launched, visiting
from tests.support.pictures import drawn, person_alone
from tests.support.service import Service


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of these tests; its camera shows the guest's selfie."""
    camera = film(person_alone()[1], tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with launched(camera) as opened:
        yield opened


def test_the_camera_leads_to_the_photos_of_the_guest(guest: Visit, organiser: Organiser) -> None:
    """Typed code, form, camera, gallery; photos arrive while the page is open; the viewer."""
    _, _, photo = person_alone()
    event = organiser.make_event("Inès & Malik", starts_at="2026-11-21T18:00:00Z")
    page = guest.page
    guest.goto("/")
    page.fill("#code", f" {event['code'][:4].lower()} {event['code'][4:]} ")
    page.click("text=Rejoindre")
    expect(page.locator("h1")).to_have_text("Inès & Malik")
    assert not page.is_checked("#consent")

    fill_in(page, "camera")
    page.click("text=Prendre mon selfie")
    page.click(".shutter")
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")
    expect(page.locator("main h2 >> nth=0")).to_have_text("Vos photos arrivent")

    organiser.upload(event, "scene.jpg", drawn(1))
    organiser.upload(event, "photo.jpg", photo.read_bytes())
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator("[data-count=all]")).to_have_text("2")
    expect(page.locator("[data-progress]")).to_have_text(
        "Tout est parcouru. La page reste à l’écoute."
    )

    # the first photo brings a page of its own
    page.wait_for_load_state()
    page.click(".tile")
    expect(page.locator("#viewer")).to_be_visible()
    assert "/gallery/" in page.url
    original = page.locator("#viewer [data-original]").get_attribute("href")
    assert original is not None
    # the same pixels, without what the camera wrote beside them
    sent = Image.open(BytesIO(page.request.get(guest.url + original).body()))
    assert ImageChops.difference(sent, Image.open(photo)).getbbox() is None
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile")).to_be_focused()


def test_new_photos_come_into_the_open_page(guest: Visit, organiser: Organiser) -> None:
    """Arrows turn the photos, Back closes the viewer, and a new photo says `just now`."""
    event = organiser.make_event("Gala")
    organiser.upload(event, "1.jpg", drawn(11))
    organiser.upload(event, "2.jpg", drawn(12, 480, 640))
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "arrows")
    page.click("text=Prendre mon selfie")
    page.click(".shutter")
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")
    page.click("text=Toutes")
    expect(page.locator(".tile")).to_have_count(2)
    page.wait_for_load_state()

    page.click(".tile >> nth=0")
    expect(page.locator("#viewer .count")).to_have_text("1 sur 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .count")).to_have_text("2 sur 2")
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()

    organiser.upload(event, "3.jpg", drawn(13))
    expect(page.locator(".tile")).to_have_count(3)
    expect(page.locator(".tile >> nth=0").locator(".tag")).to_have_text("À l’instant")


def test_the_coach_says_what_another_selfie_needs(
    guest: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    """A picture without a face is refused with the coach's sentence; the form is still there."""
    event = organiser.make_event("Coach")
    nobody = tmp_path / "nobody.jpg"
    nobody.write_bytes(drawn(21))
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "coach")
    page.click("text=Prendre mon selfie")
    page.set_input_files("[data-pick=file]", nobody)
    page.click("text=Utiliser ce selfie")
    expect(page.locator(".coach")).to_have_text("Montrez votre visage dans l’ovale.")
    page.click("#camera [data-act=close]")
    assert page.input_value("#email") == "coach@example.org"


#: Counts the cameras that run, and says how many there were.
CAMERAS = """
(() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.cameras = [];
  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await ask(wish);
    window.cameras.push(...stream.getTracks());
    return stream;
  };
})()
"""
RUNNING = "window.cameras.filter(({ readyState }) => readyState === 'live').length"


def open_camera(guest: Visit, event: dict[str, Any], name: str) -> Page:
    """Fill in the form and open the selfie screen, its cameras counted."""
    guest.page.add_init_script(CAMERAS)
    guest.goto(f"/e/{event['code']}")
    fill_in(guest.page, name)
    guest.page.click("text=Prendre mon selfie")
    return guest.page


def test_a_screen_that_was_closed_opens_no_camera(
    guest: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    """A refusal that comes afterwards is told at the form."""
    nobody = tmp_path / "nobody.jpg"
    nobody.write_bytes(drawn(22))
    page = open_camera(guest, organiser.make_event("Fermé"), "closed")
    expect(page.locator(".shutter")).to_be_visible()
    assert page.evaluate(RUNNING) == 1
    page.set_input_files("[data-pick=file]", nobody)

    def close_first(route: Route) -> None:
        page.click("#camera [data-act=close]")
        route.continue_()

    page.route("**/api/events/*/join", close_first)
    page.click("text=Utiliser ce selfie")
    expect(page.locator("#summary")).to_contain_text("Montrez votre visage dans l’ovale.")
    expect(page.locator("#camera")).to_be_hidden()
    assert page.evaluate("window.cameras.length") == 1
    assert page.evaluate(RUNNING) == 0


def test_one_camera_runs_and_another_picture_is_a_key_away(
    guest: Visit, organiser: Organiser
) -> None:
    """Taking another leads the focus to the shutter; the camera before has ended."""
    page = open_camera(guest, organiser.make_event("Encore"), "again")
    page.click(".shutter")
    expect(page.locator("[data-act=use]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".shutter")).to_be_focused()
    assert page.evaluate("window.cameras.length") == 2
    assert page.evaluate(RUNNING) == 1


def test_who_does_not_answer_for_the_camera_is_offered_a_file(
    guest: Visit, organiser: Organiser
) -> None:
    """Where the browser's question stands, or cannot be seen, there is another way."""
    event = organiser.make_event("Question")
    page = guest.page
    page.add_init_script("navigator.mediaDevices.getUserMedia = () => new Promise(() => {})")
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "question")
    page.click("text=Prendre mon selfie")
    expect(page.locator("#camera [data-step=none] [data-act=file]")).to_be_visible()
    expect(page.locator(".coach")).to_have_text(
        "Autorisez l’appareil photo, ou choisissez une photo de vous."
    )
    page.set_input_files("[data-pick=file]", person_alone()[1])
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")


def test_nothing_lies_on_the_face_that_is_taken(guest: Visit, organiser: Organiser) -> None:
    """On small phones and on those held sideways the oval keeps clear of words and buttons."""
    event = organiser.make_event("Petit écran")
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "small")
    page.click("text=Prendre mon selfie")
    expect(page.locator(".shutter")).to_be_visible()

    for width, height in ((390, 844), (360, 520), (320, 480), (844, 390)):
        page.set_viewport_size({"width": width, "height": height})
        left, top, right, bottom = corners(page, ".mask .edge")
        assert min(left, top, width - right, height - bottom) > 0, width
        for part in (".coach", ".hints", ".shoot"):
            beside = corners(page, part)
            assert beside[3] <= top or beside[1] >= bottom or beside[0] >= right, (width, part)


def corners(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Return where an element is: left, top, right, bottom in CSS pixels."""
    box = page.locator(selector).bounding_box()
    assert box is not None, selector
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def test_the_form_says_what_is_missing(guest: Visit, organiser: Organiser) -> None:
    """Nothing is sent; the first wrong field has the focus and its sentence; consent is asked."""
    event = organiser.make_event("Form")
    page = guest.page
    guest.goto(f"/e/{event['code']}?lang=en")
    page.click("text=Take my selfie")
    expect(page.locator("#name")).to_be_focused()
    expect(page.locator("#name-wrong")).to_have_text("Your first name is missing.")
    expect(page.locator("#consent-wrong")).to_have_text("Tick the box to go on.")
    page.fill("#name", "Camille")
    expect(page.locator("#name-wrong")).to_have_count(0)


def test_without_scripts_a_file_is_enough(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Joining, the grid, paging and signing out work with scripts switched off."""
    _, selfie, _ = person_alone()
    event = organiser.make_event("Sans script")
    for number in range(61):
        organiser.upload(event, f"{number}.jpg", drawn(100 + number, 160, 120))
    organiser.wait_for_jobs()
    with visiting(browser, service, scripts=False) as visit:
        page = visit.page
        visit.goto(f"/e/{event['code']}")
        fill_in(page, "plain")
        page.set_input_files("#selfie", selfie)
        expect(page.locator("text=Prendre mon selfie")).to_be_hidden()
        page.click("#join noscript button")
        page.wait_for_url("**/gallery?event=*")
        all_tab = page.locator(".tabs a", has_text="Toutes")
        # nothing updates by itself here: the guest reloads until all pictures are prepared
        while all_tab.locator(".num").inner_text() != "61":
            page.reload()
        all_tab.click()
        expect(page.locator(".tile")).to_have_count(60)
        page.click("text=Photos plus anciennes")
        expect(page.locator(".tile")).to_have_count(1)
        page.click(".tile")
        expect(page.locator("h1")).to_have_text("61 sur 61")
        page.click("[rel=prev]")
        expect(page.locator("h1")).to_have_text("60 sur 61")
        page.click("[aria-label=Fermer]")
        expect(page.locator(".tile")).to_have_count(60)
        visit.goto("/account")
        page.click("text=Se déconnecter")
        visit.goto("/gallery")
        expect(page.locator("h1")).to_have_text("Retrouvez vos photos")


def test_a_wrong_password_is_answered_in_the_page(guest: Visit) -> None:
    """The address stays, the sentence does not tell which of the two is wrong."""
    guest.goto("/login?next=/account")
    guest.page.fill("#email", "nobody@example.org")
    guest.page.fill("#password", "not this one")
    guest.page.click("button:has-text('Se connecter')")
    expect(guest.page.locator("[role=alert]")).to_contain_text("ne convient pas")
    assert guest.page.input_value("#email") == "nobody@example.org"


def test_erasing_everything_leaves_no_account(guest: Visit, organiser: Organiser) -> None:
    """One button, one question, a receipt; afterwards nothing opens the account."""
    event = organiser.make_event("Oubli")
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "leaving")
    page.click("text=Prendre mon selfie")
    page.click(".shutter")
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")
    guest.goto("/account")
    page.click("a[href$='what=account']")
    page.click("[data-erase] button")
    expect(page.locator("h1")).to_have_text("Votre visage est effacé.")
    expect(page.locator(".check.ok")).to_contain_text("rien n’est resté")
    page.click("text=Aller à l’accueil")
    guest.goto("/account")
    expect(page.locator("h1")).to_have_text("Retrouvez vos photos")
    assert organiser.call("GET", f"/api/admin/events/{event['id']}/guests") == []


def test_a_second_selfie_joins_the_first(guest: Visit, organiser: Organiser) -> None:
    """The account shows both, takes one away again, and keeps the last; the export is offered."""
    _, _, photo = person_alone()
    event = organiser.make_event("Lunettes")
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "glasses")
    page.click("text=Prendre mon selfie")
    page.click(".shutter")
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")
    guest.goto("/account")
    expect(page.locator(".selfies img")).to_have_count(1)
    expect(page.locator("[data-remove]")).to_have_count(0)
    page.click("text=Ajouter un selfie")
    page.wait_for_load_state()
    page.click("text=Prendre mon selfie")
    page.set_input_files("[data-pick=file]", photo)
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/account")
    expect(page.locator(".selfies img")).to_have_count(2)
    page.click("[data-remove] >> nth=0")
    page.click("#remove button[value=yes]")
    expect(page.locator(".selfies img")).to_have_count(1)
    export = page.locator("text=Tout télécharger").get_attribute("href")
    assert export is not None
    assert page.request.get(guest.url + export).headers["content-type"] == "application/zip"


def test_an_unknown_code_says_so(guest: Visit) -> None:
    """The field keeps what was typed."""
    guest.goto("/e?code=AAAA-AAAA")
    expect(guest.page.locator("#code-wrong")).to_contain_text("Ce code n’ouvre aucun événement.")
    guest.goto("/nothing-here")
    expect(guest.page.locator("h1")).to_have_text("Il n’y a rien ici.")
    guest.goto("/logout")
    expect(guest.page.locator("h1")).to_have_text("Cela n’a pas marché.")
