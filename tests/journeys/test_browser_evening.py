"""A guest's whole evening in one go, on a telephone and at a desk: from the code to the receipt."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import DESKTOP, PHONE, Organiser, fill_in, film, launched, visiting
from tests.support.pictures import drawn, labelled
from tests.support.service import Service

GONE = "Photo retirée de vos photos."


def guest_with_photos() -> tuple[Path, list[Path]]:
    """Return a selfie of the labelled set and three photos of the same person."""
    photos = labelled()
    name = "obama" if "obama" in photos.selfies else next(iter(photos.selfies))
    theirs = [path for path, people in sorted(photos.people.items()) if name in people]
    return photos.selfies[name], theirs[:3]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of these tests; its camera shows the guest."""
    camera = film(guest_with_photos()[0], tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with launched(camera) as opened:
        yield opened


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_evening_from_the_code_to_the_receipt(
    browser: Browser, service: Service, organiser: Organiser, size: tuple[int, int]
) -> None:
    """Camera, selfie, photos that arrive, viewer, not me and back, the ZIP, and being forgotten."""
    _, pictures = guest_with_photos()
    event = organiser.make_event("Inès & Malik")
    with visiting(browser, service, size) as visit:
        page = visit.page

        # the selfie, by the camera
        visit.goto(f"/e/{event['code']}")
        fill_in(page, f"evening-{size[0]}")
        page.click("text=Prendre mon selfie")
        page.click(".shutter")
        page.click("text=Utiliser ce selfie")
        page.wait_for_url("**/gallery?event=*")
        expect(page.locator("main h2 >> nth=0")).to_have_text("Vos photos arrivent")
        assert visit.overflow() <= 0

        # another client uploads: photos come into the open page
        organiser.upload(event, "nobody.jpg", drawn(size[0]))
        for number, picture in enumerate(pictures):
            organiser.upload(event, f"{number}.jpg", picture.read_bytes())
            expect(page.locator(".tile")).to_have_count(number + 1)
            expect(page.locator("[data-title-count]")).to_have_text(str(number + 1))
        expect(page.locator("[data-count=all]")).to_have_text("4")
        expect(page.locator("[data-progress]")).to_contain_text("Tout est parcouru.")
        assert page.locator(".avatar").evaluate("(image) => image.decode().then(() => 96)") == 96

        # the viewer; not me, and me again
        page.click(".tile >> nth=0")
        expect(page.locator("#viewer .count")).to_have_text("1 sur 3")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#viewer .count")).to_have_text("2 sur 3")
        page.click("#viewer [data-act=not-me]")
        expect(page.locator("#toast")).to_contain_text(GONE)
        expect(page.locator("[data-title-count]")).to_have_text("2")
        expect(page.locator("#viewer .count")).to_have_text("2 sur 2")
        page.click("#toast button")
        expect(page.locator(".tile")).to_have_count(3)
        page.click("#viewer [data-act=not-me]")
        expect(page.locator(".tile")).to_have_count(2)
        page.keyboard.press("Escape")
        expect(page.locator("#viewer")).to_be_hidden()
        expect(page.locator("[data-take]")).to_contain_text("Télécharger mes 2 photos")

        # home with them: the names and bytes that were uploaded
        with page.expect_download() as taken:
            page.click("[data-take]")
        assert taken.value.suggested_filename == "Inès & Malik.zip"
        with zipfile.ZipFile(io.BytesIO(taken.value.path().read_bytes())) as archive:
            assert archive.testzip() is None
            # the photos come in the order of the list: the second of three was put aside
            assert sorted(archive.namelist()) == ["0.jpg", "2.jpg"]
            assert archive.read("2.jpg")[:2] == pictures[2].read_bytes()[:2]
            assert archive.getinfo("0.jpg").file_size == pictures[0].stat().st_size

        # and to be forgotten
        page.click("header a[href='/account']")
        page.wait_for_url("**/account")
        page.click("a[href$='what=account']")
        page.click("[data-erase] button")
        expect(page.locator("h1")).to_have_text("Votre visage est effacé.")
        expect(page.locator(".check.ok")).to_contain_text("rien n’est resté")
        visit.goto(f"/gallery?event={event['id']}")
        expect(page.locator("h1")).to_have_text("Retrouvez vos photos")
    assert organiser.call("GET", f"/api/admin/events/{event['id']}/guests") == []
    counts = organiser.call("GET", f"/api/admin/events/{event['id']}")["counts"]
    assert (counts["guests"], counts["matches"], counts["photos"]) == (0, 0, 4)
