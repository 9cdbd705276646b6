"""An event's own pages in a real browser: its list, its choices, its table card, at any width."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.accessibility import LOOKS, Look, hold
from tests.support.browser import DESKTOP, NARROW, PHONE, Organiser, Visit, organising, visiting
from tests.support.pictures import drawn
from tests.support.service import Service

#: Millimetres of a CSS pixel.
MM = 25.4 / 96


@pytest.fixture(scope="module")
def event(browser: Browser, service: Service) -> dict[str, Any]:
    """An event with every choice made, which ends in three days."""
    with organising(browser, service) as organiser:
        made = organiser.make_event(
            "Inès & Malik",
            starts_at=datetime.now(UTC).isoformat(),
            expires_at=(datetime.now(UTC) + timedelta(days=3)).isoformat(),
            time_zone="Europe/Paris",
            publish="after_approval",
            download_size="large",
            watermark="© Léa Martin",
            accent="#f5b82e",
            wall=True,
        )
        organiser.upload(made, "a.jpg", drawn(91))
        organiser.call(
            "PUT",
            f"/api/admin/events/{made['id']}/cover",
            data=drawn(92, 1200, 800),
            headers={"Content-Type": "image/jpeg"},
        )
        return made


def sign_in(visit: Visit, service: Service) -> None:
    """Sign the admin in through the page."""
    visit.goto("/login")
    visit.page.fill("#email", service.admin_email)
    visit.page.fill("#password", service.admin_password)
    visit.page.press("#password", "Enter")
    visit.page.wait_for_url("**/admin")


def pages(event: dict[str, Any]) -> list[str]:
    """Return the addresses of these pages."""
    own = f"/admin/events/{event['id']}"
    return ["/admin/events", own, f"{own}/choices", f"{own}/card"]


@LOOKS
def test_no_page_of_an_event_breaks_a_rule_of_axe_or_scrolls_sideways(
    browser: Browser,
    service: Service,
    event: dict[str, Any],
    language: str,
    looks: tuple[Look, ...],
) -> None:
    """Nor do the guests' pages that wear its cover and its colour."""
    with visiting(browser, service, language=language) as visit:
        sign_in(visit, service)
        for path in [*pages(event), f"/e/{event['code']}"]:
            visit.goto(path)
            for look in looks:
                hold(visit, [look], path)
                assert visit.overflow() <= 0, path
            visit.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
            assert visit.overflow() <= 0, path


def test_the_choices_are_made_on_a_page_and_reach_the_guests(
    browser: Browser, service: Service
) -> None:
    """What is wrong is said beside its field; what is saved shows on the join page."""
    with organising(browser, service) as organiser:
        made = organiser.make_event("Gala")
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = visit.page
        sign_in(visit, service)
        visit.goto(f"/admin/events/{made['id']}")
        page.click("nav.tabs >> text=Choices")
        page.wait_for_url("**/choices")
        assert page.locator("#zones option").count() > 100
        page.fill("#time_zone", "Mars/Olympus")
        page.check("#take_home-nothing")
        page.fill("#watermark", "© Léa")
        page.click("text=Save the choices")
        expect(page.locator("#time_zone-wrong")).to_have_text("There is no time zone of this name.")
        expect(page.locator("#time_zone")).to_have_attribute("aria-invalid", "true")
        # nothing that was typed is lost
        expect(page.locator("#watermark")).to_have_value("© Léa")
        expect(page.locator("#take_home-nothing")).to_be_checked()
        page.fill("#time_zone", "Europe/Paris")
        page.wait_for_load_state()
        # choosing a colour is choosing to have one
        page.fill("#accent", "#7a1f5c")
        expect(page.locator("#accented")).to_be_checked()
        page.click("text=Save the choices")
        expect(page.locator(".notice.ok")).to_have_text("Saved.")
        expect(page.locator(".swatches span")).to_have_count(2)
        visit.goto(f"/admin/events/{made['id']}")
        expect(page.locator("section.card", has_text="Taking home")).to_contain_text("nothing")
        visit.goto(f"/e/{made['code']}")
        button = page.locator(".button.main >> nth=0")
        expect(button).to_have_css("background-color", "rgb(122, 31, 92)")


def test_an_event_is_made_once_and_erased_by_a_keyboards_apostrophe(
    browser: Browser, service: Service
) -> None:
    """Two presses make one event; an end in the past is refused; the erasing is confirmed."""
    name = "La fête d’été"
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = visit.page
        sign_in(visit, service)
        visit.goto("/admin/events")
        page.click("[data-open=create]")
        page.fill("#name", name)
        page.fill("#expires", "2019-01-01T12:00")
        page.click("#create .main")
        expect(page.locator("#create .wrong")).to_contain_text("Choose a later day.")
        page.fill("#expires", "2099-01-01T12:00")
        page.dblclick("#create .main")
        page.wait_for_url(re.compile(r"/admin/events/\d+$"))
        own = page.url.removeprefix(visit.url)
        page.click("nav.tabs >> text=Photographers")
        expect(page.locator("nav.tabs [aria-current=page]")).to_have_text("Photographers")
        visit.goto("/admin/events")
        expect(page.locator("tr", has_text=name)).to_have_count(1)
        visit.goto(own)
        page.click("[data-open=delete]")
        page.fill("#confirm", "La fête d'été")
        page.click("#delete-form .danger")
        expect(page.locator(".notice.ok")).to_contain_text("The event is erased")
        expect(page.locator("tr", has_text=name)).to_have_count(0)


def test_the_choices_need_no_script(browser: Browser, service: Service, tmp_path: Path) -> None:
    with organising(browser, service) as organiser:
        made = organiser.make_event("Plain")
    picture = tmp_path / "cover.jpg"
    picture.write_bytes(drawn(93))
    with visiting(browser, service, PHONE, language="en-GB", scripts=False) as visit:
        page = visit.page
        sign_in(visit, service)
        visit.goto(f"/admin/events/{made['id']}/choices")
        page.check("#publish-after_approval")
        page.click("text=Save the choices")
        expect(page.locator(".notice.ok")).to_have_text("Saved.")
        expect(page.locator("#publish-after_approval")).to_be_checked()
        page.set_input_files("#cover", picture)
        page.click("text=Set as cover")
        expect(page.locator(".cover-form img")).to_be_visible()
        visit.goto(f"/e/{made['code']}")
        style = page.locator("header.cover").get_attribute("style") or ""
        assert f"/e/{made['code']}/cover?size=preview&v=" in style


def test_the_card_prints_on_a5(browser: Browser, service: Service, event: dict[str, Any]) -> None:
    """One page; the code is 54 mm wide, and what leads back to the desk is not printed."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = visit.page
        sign_in(visit, service)
        visit.goto(f"/admin/events/{event['id']}/card")
        expect(page.locator("[data-print]")).to_be_visible()
        page.emulate_media(media="print")
        expect(page.locator("[data-print]")).to_be_hidden()
        card = page.locator(".table-card").bounding_box()
        code = page.locator(".qr").bounding_box()
        assert card is not None
        assert code is not None
        assert [round(card["width"] * MM), round(card["height"] * MM)] == [148, 210]
        modules: int = page.evaluate(
            """async () => {
                const svg = await (await fetch(document.querySelector(".qr").src)).text();
                return Number(/width="(\\d+)"/.exec(svg)[1]) / 8;
            }"""
        )
        assert round(code["width"] * MM * (modules - 8) / modules) == 54
        printed = page.pdf(prefer_css_page_size=True)
        assert printed.count(b"/Type /Page\n") == 1
        # nothing is cut off: the last line stands on the card
        last = page.locator(".both").bounding_box()
        assert last is not None
        assert last["y"] + last["height"] <= card["y"] + card["height"]


def test_downloads_that_are_off_have_no_button(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """Neither in the viewer nor on a photo's own page; and no picture is shared, by no key."""
    with organising(browser, service) as organiser:
        made = organiser.make_event("Looking", browse=True, accounts="optional", downloads=False)
        organiser.upload(made, "a.jpg", drawn(94))
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = visit.page
        sign_in(visit, service)
        answer = page.request.post(
            f"{visit.url}/api/events/{made['code']}/browse",
            data={},
            headers={"Origin": visit.url},
        )
        assert answer.ok, answer.text()
        visit.goto(f"/gallery?event={made['id']}&tab=all")
        page.click(".tile >> nth=0")
        expect(page.locator("#viewer [data-act=favourite]")).to_be_visible()
        expect(page.locator("#viewer [data-original]")).to_have_count(0)
        expect(page.locator("#viewer [data-act=share]")).to_have_count(0)
        page.keyboard.press("s")
        # the next key is heard after it: a toast of the first would stand by now
        page.keyboard.press("i")
        expect(page.locator("#about")).to_be_visible()
        expect(page.locator("#toast")).to_be_hidden()
        visit.goto(page.url.removeprefix(visit.url))
        expect(page.locator("main.viewer .stage img")).to_be_visible()
        expect(page.locator("[data-key=d]")).to_have_count(0)
        expect(page.locator("[data-key=s]")).to_have_count(0)


@pytest.mark.parametrize(
    ("size", "places"),
    [(PHONE, [(0, 0), (0, 1), (0, 2)]), (DESKTOP, [(1, 0), (0, 0), (2, 0)])],
    ids=["phone", "desktop"],
)
def test_photos_come_first_on_a_phone_and_stand_in_the_middle_of_a_desk(
    browser: Browser,
    service: Service,
    event: dict[str, Any],
    size: tuple[int, int],
    places: list[tuple[int, int]],
) -> None:
    """Columns and rows of photos, of card and links, of guests, in the page's order."""
    with visiting(browser, service, size, language="en-GB") as visit:
        sign_in(visit, service)
        visit.goto(f"/admin/events/{event['id']}")
        parts = visit.page.locator(".overview > section")
        assert [part.get_attribute("aria-label") for part in parts.all()] == [
            "Photos",
            "Invite",
            "Guests",
        ]
        boxes = [part.bounding_box() for part in parts.all()]
        corners = [(round(box["x"]), round(box["y"])) for box in boxes if box is not None]
        columns = sorted({x for x, _ in corners})
        rows = sorted({y for _, y in corners})
        assert [(columns.index(x), rows.index(y)) for x, y in corners] == places
        assert visit.overflow() <= 0


#: Photos that an event's page shows at first.
PAGE = 60


def upload_many(organiser: Organiser, event: dict[str, Any], first: int, number: int) -> None:
    """Send so many small photos."""
    for each in range(first, first + number):
        organiser.upload(event, f"{each}.jpg", drawn(each, 160, 120))


def test_photos_that_wait_below_the_newest_are_followed_too(
    browser: Browser, service: Service
) -> None:
    """The oldest are worked off first, wherever newer ones have pushed them."""
    with (
        organising(browser, service) as organiser,
        visiting(browser, service, DESKTOP, language="en-GB") as visit,
    ):
        made = organiser.make_event("Dropped")
        organiser.call("POST", "/api/admin/queue/pause")
        try:
            upload_many(organiser, made, 4000, PAGE + 2)
            sign_in(visit, service)
            visit.goto(f"/admin/events/{made['id']}")
            states = visit.page.locator("#photos .state")
            visit.page.click("text=Older photos")
            expect(states).to_have_count(PAGE + 2)
            expect(states.last).to_have_text("Waiting")
        finally:
            organiser.call("POST", "/api/admin/queue/resume")
        expect(states.get_by_text("No face")).to_have_count(PAGE + 2)


def test_no_photo_is_missing_between_the_newest_and_those_of_before(
    browser: Browser, service: Service
) -> None:
    """After a night in the background; and `Older photos` says where it has no network."""
    with (
        organising(browser, service) as organiser,
        visiting(browser, service, DESKTOP, language="en-GB") as visit,
    ):
        made = organiser.make_event("Slept")
        path = f"/api/admin/events/{made['id']}/photos"
        upload_many(organiser, made, 4100, 3)
        page = visit.page
        sign_in(visit, service)
        visit.goto(f"/admin/events/{made['id']}")
        tiles = page.locator("#photos .tile")
        expect(tiles).to_have_count(3)

        def refuse(route: Route) -> None:
            route.abort()

        page.route(f"**{path}?*", refuse)
        upload_many(organiser, made, 4103, PAGE + 2)
        page.unroute(f"**{path}?*", refuse)
        expect(tiles).to_have_count(PAGE)
        page.route(f"**{path}?*before*", refuse)
        page.click("text=Older photos")
        expect(page.locator("#toast")).to_have_text("That did not work. Try again.")
        page.unroute(f"**{path}?*before*", refuse)
        page.click("text=Older photos")
        expect(tiles).to_have_count(PAGE + 5)
        ids = [tile.get_attribute("id") for tile in tiles.all()]
        listed = organiser.call("GET", f"{path}?limit=1000")
        assert ids == [f"photo-{photo['id']}" for photo in listed]
        expect(page.locator("#more")).to_be_hidden()


def test_a_press_before_the_script_has_come_counts(browser: Browser, service: Service) -> None:
    """A button's and a form's; once, however often it was pressed."""
    with (
        organising(browser, service) as organiser,
        visiting(browser, service, PHONE, language="en-GB") as visit,
    ):
        made = organiser.make_event("Early")
        path = f"/api/admin/events/{made['id']}"
        page = visit.page
        sign_in(visit, service)
        late: list[Route] = []
        page.route("**/event.js", lambda route: late.append(route))

        def open_early() -> None:
            late.clear()
            page.goto(f"{visit.url}/admin/events/{made['id']}", wait_until="commit")
            while not late:
                page.evaluate("document.readyState")

        open_early()
        page.dblclick("#toggle-join")
        late[0].continue_()
        expect(page.locator("#toggle-join")).to_have_text("Open to guests")
        assert organiser.call("GET", path)["join_open"] is False

        open_early()
        page.fill("#label", "Théo Blanc")
        page.press("#label", "Enter")
        late[0].continue_()
        expect(page.locator("#new-token code")).not_to_be_empty()
        assert [token["label"] for token in organiser.call("GET", f"{path}/tokens")] == [
            "Théo Blanc"
        ]
