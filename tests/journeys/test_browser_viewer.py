"""One photo at a desk: what can be done at the top, the details beside it, nothing over it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import violations
from tests.support.browser import DESKTOP, PHONE, Organiser, Visit, visiting
from tests.support.pictures import drawn
from tests.support.service import Service

PHOTOS = 2


@pytest.fixture(scope="module")
def event(organiser: Organiser) -> dict[str, Any]:
    """An event to look at, with a watermark on what is shown large."""
    made = organiser.make_event("Viewer", browse=True, accounts="optional", watermark="© Léa")
    for number in range(PHOTOS):
        organiser.upload(made, f"a · {number}.jpg", drawn(700 + number, 640, 480))
    organiser.wait_for_jobs()
    return made


def open_viewer(visit: Visit, event: dict[str, Any]) -> Page:
    """Come in without a selfie, and open the first photo over the gallery."""
    page = visit.page
    visit.goto(f"/e/{event['code']}")
    page.click("text=See the gallery without a selfie")
    page.wait_for_url("**tab=all")
    # nothing is told to this page while it loads: the pictures may still be made
    while page.locator(".tile").count() < PHOTOS:
        page.reload()
    page.click(".tile >> nth=0")
    expect(page.locator("#viewer")).to_be_visible()
    return page


def box(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Return where an element is: left, top, right, bottom in CSS pixels."""
    found = page.locator(selector).bounding_box()
    assert found is not None, selector
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def look_beside(visit: Visit) -> None:
    """The actions end the top bar, arrows keep to the edges, details lie at the right."""
    page = visit.page
    left, _, right, bottom = box(page, ".stage")
    acts, details = box(page, ".acts"), box(page, "#about")
    assert acts[0] > DESKTOP[0] / 2
    assert acts[3] <= box(page, ".stage")[1]
    assert details[0] >= right
    assert details[2] <= DESKTOP[0]
    assert bottom <= DESKTOP[1]
    arrow = box(page, ".turn.on")
    assert right - arrow[2] < 20
    assert arrow[0] > (left + right) / 2
    assert visit.overflow() <= 0
    assert violations(visit) == []


def test_at_a_desk_the_details_stand_beside_the_photo(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """In the viewer on `i`, on a photo's own page from the start; `i` gives the room back."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = open_viewer(visit, event)
        whole = box(page, ".stage")
        page.keyboard.press("i")
        expect(page.locator("[data-file]")).to_have_text(f"a · {PHOTOS - 1}.jpg")
        expect(page.locator("[data-size]")).to_have_text("640 × 480")
        look_beside(visit)
        page.keyboard.press("i")
        expect(page.locator("#about")).to_be_hidden()
        assert box(page, ".stage") == whole

        page.goto(page.url)
        expect(page.locator("#about dd >> nth=-1")).to_have_text(f"a · {PHOTOS - 1}.jpg")
        look_beside(visit)
        page.keyboard.press("i")
        expect(page.locator("#about")).to_be_hidden()


def test_the_focus_goes_as_the_eye_does(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """From the top bar to the photo's arrows, then to the film strip."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = open_viewer(visit, event)
        seen: list[str] = []
        for _ in range(5):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    "document.activeElement.dataset.act ?? document.activeElement.textContent"
                )
            )
        assert seen[:3] == ["about", "favourite", "share"]
        assert seen[3].strip() == "Download"
        assert seen[4] == "on"


def test_on_a_phone_the_details_stand_under_the_photo(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """They take room from it and cover nothing of it; what can be done stays in thumb's reach."""
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = open_viewer(visit, event)
        page.keyboard.press("i")
        assert box(page, "#about")[1] >= box(page, ".stage")[3]
        assert box(page, ".acts")[1] >= box(page, "#about")[3]
        assert box(page, ".acts")[3] <= PHONE[1]
        assert visit.overflow() <= 0
        assert violations(visit) == []
        page.goto(page.url)
        expect(page.locator("#about")).to_be_hidden()


def test_a_photo_that_cannot_be_shared_says_so(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """On its own page, where the network is away when its file is wanted."""
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = open_viewer(visit, event)
        page.goto(page.url)
        page.evaluate("navigator.canShare = () => true")
        page.route("**/api/photo/**", lambda route: route.abort())
        page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.keyboard.press("s")
        expect(page.locator("#toast")).to_have_text("That did not work. Try again.")


def test_what_is_said_stands_over_the_sheet(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """A report that fails is told on the sheet, and once that is closed in the viewer."""
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = open_viewer(visit, event)
        page.route("**/report", lambda route: route.abort())
        page.keyboard.press("i")
        page.click("[data-act=report]")
        page.click("#report [type=radio] >> nth=0")
        page.click("#report >> text=Send")
        expect(page.locator("#report #toast")).to_have_text("That did not work. Try again.")
        page.click("#report [data-cancel]")
        expect(page.locator("#viewer #toast")).to_be_visible()


def test_a_preview_is_asked_for_once(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """Where there is a watermark too, all pages name a preview by the same address."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = open_viewer(visit, event)
        image = page.locator("#viewer .stage img")
        expect(image).to_have_attribute("src", re.compile("size=preview"))
        address = image.get_attribute("src")
        assert address is not None
        assert "&v=" in address
        page.goto(page.url)
        assert page.locator(".stage img").get_attribute("src") == address
