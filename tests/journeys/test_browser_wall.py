"""The live wall in a real browser: new photos first, the card beside the faces, the end."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import DESKTOP, NARROW, Organiser, Visit, visiting
from tests.support.pictures import drawn
from tests.support.service import Service


@pytest.fixture
def room(browser: Browser, service: Service) -> Iterator[Visit]:
    """The screen in the room: nobody is signed in."""
    with visiting(browser, service, DESKTOP) as visit:
        yield visit


def open_wall(organiser: Organiser, name: str, **choices: object) -> tuple[dict[str, Any], str]:
    """Make an event with a wall; return it and the wall's path."""
    event = organiser.make_event(name, **choices)
    return event, set_wall(organiser, event, on=True)


def set_wall(organiser: Organiser, event: dict[str, Any], *, on: bool) -> str:
    """Turn a wall on or off; return its path."""
    changed = organiser.call("PATCH", f"/api/admin/events/{event['id']}", data={"wall": on})
    return "/wall/" + (changed["wall_url"] or "").rpartition("/")[2]


def test_new_photos_come_first(room: Visit, organiser: Organiser) -> None:
    """The wall waits for the first photo, shows it, and then each new one; the count is true."""
    event, path = open_wall(organiser, "Inès & Malik", gallery="own")
    page = room.page
    room.goto(path)
    expect(page.locator("h1 >> nth=0")).to_have_text("Inès & Malik")
    expect(page.locator("[data-total]")).to_have_text("Les premières photos sont en route")
    expect(page.locator("[data-card]")).to_contain_text(event["code"][:4])
    organiser.upload(event, "1.jpg", drawn(1, 1200, 800))
    expect(page.locator(".slide img")).to_have_count(1)
    first = page.locator(".slide").get_attribute("data-photo")
    for number in (2, 3):
        organiser.upload(event, f"{number}.jpg", drawn(number, 600, 900))
        # the round of old photos gives way
        expect(page.locator(f".slide:not([data-photo='{first}'])")).to_have_count(1)
        expect(page.locator("[data-total]")).to_have_text(f"{number} photos jusqu’ici")
    # portraits lie whole over a blurred image of themselves
    expect(page.locator(".slide.whole canvas")).to_have_count(1)
    assert room.overflow() <= 0
    assert page.locator("body").inner_text().count("@") == 0


def test_space_pauses(room: Visit, organiser: Organiser) -> None:
    """The photo stays until Space is pressed again; a button says the same."""
    event, path = open_wall(organiser, "Pause")
    for number in range(2):
        organiser.upload(event, f"{number}.jpg", drawn(20 + number))
    page = room.page
    page.clock.install()
    room.goto(path)
    expect(page.locator("[data-total]")).to_have_text("2 photos jusqu’ici")
    expect(page.locator("figure[data-photo]")).to_have_count(1)
    page.keyboard.press("Space")
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "true")
    held = page.locator("figure[data-photo]").get_attribute("data-photo")
    page.clock.run_for(60_000)
    assert page.locator("figure[data-photo]").get_attribute("data-photo") == held
    page.keyboard.press("Space")
    expect(page.locator(f"figure:not([data-photo='{held}'])")).to_have_count(1)
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "false")


def test_a_wall_ends_with_a_sentence(room: Visit, organiser: Organiser) -> None:
    """The organiser takes the token back: the photos go from the screen, within seconds."""
    event, path = open_wall(organiser, "Fin")
    organiser.upload(event, "1.jpg", drawn(41))
    page = room.page
    room.goto(path)
    expect(page.locator("figure[data-photo]")).to_have_count(1)
    set_wall(organiser, event, on=False)
    expect(page.locator("[data-over] h1")).to_have_text("Ce mur est fermé")
    expect(page.locator("figure")).to_have_count(0)
    room.goto(path)
    expect(page.locator("h1")).to_have_text("Il n’y a rien ici.")


def test_a_photo_that_is_gone_leaves_the_wall(room: Visit, organiser: Organiser) -> None:
    """It goes while it is on the screen, and the others go on."""
    event, path = open_wall(organiser, "Retirée")
    organiser.upload(event, "1.jpg", drawn(51))
    page = room.page
    room.goto(path)
    expect(page.locator("figure[data-photo]")).to_have_count(1)
    photo = page.locator("figure[data-photo]").get_attribute("data-photo")
    organiser.call("DELETE", f"/api/admin/photos/{photo}")
    expect(page.locator("figure[data-photo]")).to_have_count(0)
    organiser.upload(event, "2.jpg", drawn(52))
    expect(page.locator("figure[data-photo]")).to_have_count(1)


def test_the_wall_comes_back_by_itself(room: Visit, organiser: Organiser) -> None:
    """Without a network it says so and keeps its photo; with it, new photos come."""
    event, path = open_wall(organiser, "Réseau")
    organiser.upload(event, "1.jpg", drawn(61))
    page = room.page
    room.goto(path)
    expect(page.locator("figure[data-photo]")).to_have_count(1)
    room.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_contain_text("Pas de connexion")
    expect(page.locator("figure[data-photo]")).to_have_count(1)
    organiser.upload(event, "2.jpg", drawn(62))
    room.context.set_offline(False)
    expect(page.locator("[data-total]")).to_have_text("2 photos jusqu’ici")
    expect(page.locator("[data-offline]")).to_have_text("")


def test_the_card_lies_beside_the_faces(room: Visit, organiser: Organiser) -> None:
    """Faces below on the right: the card goes elsewhere; a face at the edge is never cut off."""
    _, path = open_wall(organiser, "Carte")
    room.goto(path)
    placed = room.page.evaluate(
        """async (source) => {
            const { emptiest, place } = await import(source);
            const card = document.querySelector("[data-card]");
            const screen = { width: innerWidth, height: innerHeight };
            const at = (left, top) => ({ left, top, width: 0.1, height: 0.15 });
            const corner = (faces, now) => {
                const photo = { width: 1600, height: 1000, faces };
                return emptiest(place(photo, screen).faces, card, screen, now);
            };
            const isWhole = (width, height, faces) => place({ width, height, faces }, screen).whole;
            return {
                none: corner([], "tl"),
                right: corner([at(0.7, 0.7)], "br"),
                below: corner([at(0.7, 0.7), at(0.2, 0.7)], "br"),
                all: corner([at(0.7, 0.7), at(0.2, 0.7), at(0.8, 0.1)], "br"),
                stays: corner([at(0.7, 0.7)], "tr"),
                edge: isWhole(1600, 1200, [at(0.4, 0), at(0.4, 0.85)]),
                full: isWhole(1600, 1200, [at(0.4, 0.3)]),
                portrait: isWhole(900, 1600, []),
            };
        }""",
        room.page.locator("script[src*=wall]")
        .get_attribute("src")
        .replace("wall.js", "corners.js"),  # type: ignore[union-attr]  # the page has it
    )
    assert placed == {
        "none": "tl",
        "right": "bl",
        "below": "tr",
        "all": "tl",
        "stays": "tr",
        "edge": True,
        "full": False,
        "portrait": True,
    }


def test_a_wall_fits_any_screen(browser: Browser, service: Service, organiser: Organiser) -> None:
    """A telephone may look at it too; without scripts it shows the newest photo."""
    event, path = open_wall(organiser, "Anniversaire-de-Mariage-Soixante")
    organiser.upload(event, "1.jpg", drawn(71))
    with visiting(browser, service, NARROW) as visit:
        visit.goto(path)
        expect(visit.page.locator("figure[data-photo]")).to_have_count(1)
        assert visit.overflow() <= 0
    with visiting(browser, service, DESKTOP, scripts=False) as visit:
        visit.goto(path)
        picture = visit.page.locator(".slide img")
        expect(picture).to_be_visible()
        assert picture.get_attribute("alt") == "La photo la plus récente"
