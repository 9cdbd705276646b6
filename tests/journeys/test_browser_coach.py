"""The coach under the camera says what was looked at, and takes pictures by itself if allowed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Organiser, Visit, fill_in, film, launched
from tests.support.pictures import labelled

#: A browser with a face detector of its own: it finds what the test puts before it.
DETECTOR = """
window.faces = [];
window.FaceDetector = class {
  async detect() { return window.faces.map((boundingBox) => ({ boundingBox, landmarks: [] })); }
};
"""
ONE = "{ x: 200, y: 120, width: 220, height: 240 }"
CLEAR = "C’est net. Touchez le bouton."
STEADY = "On vous voit. Ne bougez plus."


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of these tests; its camera shows a bright and sharp picture."""
    selfie = next(iter(labelled().selfies.values()))
    with launched(film(selfie, tmp_path_factory.mktemp("camera") / "camera.mjpeg")) as opened:
        yield opened


def open_camera(guest: Visit, organiser: Organiser, name: str, *, detector: bool) -> Page:
    """Open the camera of a new event's join page, in a browser with a face detector or without."""
    event = organiser.make_event(name)
    page = guest.page
    page.add_init_script(DETECTOR if detector else "delete window.FaceDetector;")
    guest.goto(f"/e/{event['code']}")
    fill_in(page, name)
    page.click("text=Prendre mon selfie")
    expect(page.locator(".shutter")).to_be_visible()
    return page


def see(page: Page, *boxes: str) -> None:
    page.evaluate(f"window.faces = [{', '.join(boxes)}]")


def darken(selfie: Path, folder: Path) -> Path:
    """Return a picture of the selfie in an eighth of the light."""
    with Image.open(selfie) as picture:
        ImageEnhance.Brightness(picture.convert("RGB")).enhance(0.125).save(folder / "dark.jpg")
    return folder / "dark.jpg"


def test_without_a_face_detector_only_light_and_sharpness_are_spoken_of(
    guest: Visit, organiser: Organiser
) -> None:
    page = open_camera(guest, organiser, "plain", detector=False)

    expect(page.locator(".coach")).to_have_text(CLEAR)
    expect(page.locator("[data-hint=face]")).to_be_hidden()
    expect(page.locator("[data-automatic]")).to_be_hidden()


def test_an_empty_wall_is_asked_for_a_face(guest: Visit, organiser: Organiser) -> None:
    page = open_camera(guest, organiser, "wall", detector=True)

    expect(page.locator(".coach")).to_have_text("Montrez votre visage dans l’ovale.")
    see(page, ONE, "{ x: 20, y: 20, width: 200, height: 200 }")
    expect(page.locator(".coach")).to_have_text("Un seul visage à la fois : le vôtre.")
    see(page, "{ x: 300, y: 200, width: 30, height: 34 }")
    expect(page.locator(".coach")).to_have_text("Approchez-vous un peu.")
    expect(page.locator(".taken")).to_be_hidden()


def test_a_face_that_holds_still_is_taken_by_itself(guest: Visit, organiser: Organiser) -> None:
    page = open_camera(guest, organiser, "steady", detector=True)

    see(page, ONE)

    expect(page.locator(".taken")).to_be_visible()
    expect(page.locator("[data-act=use]")).to_be_focused()


def test_a_guest_who_switches_that_off_presses_the_button(
    guest: Visit, organiser: Organiser
) -> None:
    page = open_camera(guest, organiser, "manual", detector=True)
    page.uncheck("[data-automatic]")

    see(page, ONE)

    # the sentence that leaves it to the guest; the picture would have been taken with the other one
    expect(page.locator(".coach")).to_have_text(CLEAR)
    expect(page.locator("[data-hint=face]")).to_have_class("chip good")
    page.click(".shutter")
    expect(page.locator(".taken")).to_be_visible()
    page.reload()
    fill_in(page, "manual2")
    page.click("text=Prendre mon selfie")
    expect(page.locator("[data-automatic]")).not_to_be_checked()


def test_a_detector_that_fails_is_not_believed(guest: Visit, organiser: Organiser) -> None:
    guest.page.add_init_script(
        "window.FaceDetector = class { async detect() { throw new Error('no service'); } };"
    )
    event = organiser.make_event("broken")
    guest.goto(f"/e/{event['code']}")
    fill_in(guest.page, "broken")
    guest.page.click("text=Prendre mon selfie")

    expect(guest.page.locator(".coach")).to_have_text(CLEAR)
    expect(guest.page.locator("[data-automatic]")).to_be_hidden()


def test_a_dark_selfie_is_accepted_and_another_try_is_offered(
    guest: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    selfie = next(iter(labelled().selfies.values()))
    dark = darken(selfie, tmp_path)
    event = organiser.make_event("dark")
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    fill_in(page, "dark")
    page.click("text=Prendre mon selfie")

    page.set_input_files("[data-pick=file]", dark)
    page.click("text=Utiliser ce selfie")

    expect(page.locator(".coach")).to_have_text(
        "Selfie accepté. Plus clair, il trouverait davantage de photos."
    )
    expect(page.locator("[data-act=go]")).to_be_visible()
    page.click("[data-step=advice] [data-act=again]")
    page.set_input_files("[data-pick=file]", selfie)
    page.click("text=Utiliser ce selfie")
    page.wait_for_url("**/gallery?event=*")


def test_a_guest_may_go_on_with_a_dark_selfie(
    guest: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    dark = darken(next(iter(labelled().selfies.values())), tmp_path)
    event = organiser.make_event("dark too")
    guest.goto(f"/e/{event['code']}")
    fill_in(guest.page, "darktoo")
    guest.page.click("text=Prendre mon selfie")
    guest.page.set_input_files("[data-pick=file]", dark)
    guest.page.click("text=Utiliser ce selfie")

    guest.page.click("text=Continuer")

    guest.page.wait_for_url("**/gallery?event=*")
