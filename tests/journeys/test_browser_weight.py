"""The weight of a gallery with sixty photos on a phone: the first visit, and the second."""

import functools
import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DESKTOP, PHONE, join, organising, visiting
from tests.support.page_weight import SHIFTS, Visit, weigh
from tests.support.pictures import labelled
from tests.support.service import Service

PHOTOS = 60
#: Bytes on the wire, compressed: the issue's numbers, and the design's for each kind.
PAGE_BUDGET = 60 * 1024
CSS_BUDGET = 10 * 1024
JS_BUDGET = 20 * 1024
HTML_BUDGET = 12 * 1024
THUMB_BUDGET = 25 * 1024
SECOND_BUDGET = 20 * 1024
#: Requests that have to be answered one after the other before the first row is seen.
DEPTH = 3


@functools.cache
def detail() -> Image.Image:
    """Return as much detail as a photograph of a builder has, larger than any photo here."""
    noise = np.random.default_rng(0).integers(0, 256, (450, 500, 3), dtype=np.uint8)
    # as strong as the lights of a party, no stronger: no camera gives pure noise
    picture = Image.fromarray(noise // 2 + 64).resize((2000, 1800))
    return picture.filter(ImageFilter.GaussianBlur(2))


def lively(seed: int, width: int, height: int) -> bytes:
    """Return a JPEG of a piece of the detail, another for each seed, and nobody on it."""
    random = np.random.default_rng(seed)
    left, top = random.integers(0, (2000 - width, 1800 - height))
    picture = detail().crop((left, top, left + width, top + height))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


@pytest.fixture(scope="module")
def gallery(browser: Browser, service: Service) -> tuple[str, list[dict[str, object]]]:
    """A full page of an event's gallery, and the cookies of a guest who may see it."""
    selfie = next(iter(labelled().selfies.values()))
    with organising(browser, service) as organiser, visiting(browser, service) as visit:
        event = organiser.make_event("Budget")
        for number in range(PHOTOS):
            # a party has both; a panorama is now and then among them
            size = [(1200, 800), (900, 1200), (1600, 600)][(number % 7 == 3) + (number % 20 == 9)]
            organiser.upload(event, f"{number}.jpg", lively(number, *size))
        join(visit, event["code"], "budget", selfie)
        path = f"/gallery?event={event['id']}&tab=all"
        visit.goto(path)
        expect(visit.page.locator("[data-count=all]")).to_have_text(str(PHOTOS))
        expect(visit.page.locator("[data-progress]")).to_contain_text("Tout est parcouru")
        return path, visit.context.cookies()  # type: ignore[return-value]  # the driver's own kind of dict


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_gallery_is_light(
    browser: Browser,
    service: Service,
    gallery: tuple[str, list[dict[str, object]]],
    size: tuple[int, int],
) -> None:
    """Page, style and scripts; thumbnails; no jump; no long chain; hardly anything when back."""
    path, cookies = gallery
    # a window of its own: nothing is in its cache
    with visiting(browser, service, size) as visitor:
        visitor.context.add_cookies(cookies)  # type: ignore[arg-type]  # given and taken types differ
        page = visitor.page
        page.add_init_script(SHIFTS)
        session, first = weigh(page)
        visitor.goto(path)
        expect(page.locator(".tile")).to_have_count(PHOTOS)
        page.wait_for_load_state("load")
        in_view = first_row(page)
        see_all(page)

        assert 0 < first.body("css") <= CSS_BUDGET
        assert 0 < first.body("javascript") <= JS_BUDGET
        assert 0 < first.body("html") <= HTML_BUDGET
        assert first.sent("css", "javascript", "html") <= PAGE_BUDGET
        thumbs = [item for item in first.requests.values() if "size=thumb" in item.url]
        assert len(thumbs) >= PHOTOS * 0.9
        assert max(item.body for item in thumbs) <= THUMB_BUDGET
        total = "shifts.reduce((sum, value) => sum + value, 0)"
        assert page.evaluate(total) == 0, page.evaluate("moved")
        blocking = [item.url for item in first.requests.values() if "css" in item.media_type]
        assert len(in_view) >= 1
        assert max(first.depth(url) for url in [*in_view, *blocking]) <= DEPTH
        session.detach()

        _, second = weigh(page)
        visitor.goto(path)
        expect(page.locator(".tile")).to_have_count(PHOTOS)
        see_all(page)
        assert second.sent() < SECOND_BUDGET, heaviest(second)


def first_row(page: Page) -> list[str]:
    """Return the addresses of the pictures in the topmost row."""
    found: list[str] = page.evaluate("""() => {
        const tiles = [...document.querySelectorAll(".tile")];
        const top = tiles[0].offsetTop;
        return tiles.filter((tile) => tile.offsetTop === top)
            .map((tile) => tile.querySelector("img").currentSrc);
    }""")
    return found


def see_all(page: Page) -> None:
    """Scroll to the end, and wait until every picture is there."""
    page.evaluate("""() => {
        for (const image of document.querySelectorAll(".tile img")) image.loading = "eager";
    }""")
    # decoded, not only fetched; a policy without eval leaves no other way to wait
    page.evaluate("""() => Promise.all(
        [...document.querySelectorAll(".tile img")].map((image) => image.decode()))""")


def heaviest(visit: Visit) -> list[tuple[int, str]]:
    """Return what weighed most, for whoever reads the failure."""
    return sorted(((item.size, item.url) for item in visit.requests.values()), reverse=True)[:5]


def test_the_scale_would_notice(browser: Browser, service: Service) -> None:
    """A picture that grows when it is there moves what is below it; bytes are counted."""
    with visiting(browser, service) as visitor:
        page = visitor.page
        page.add_init_script(SHIFTS)
        _, visit = weigh(page)
        visitor.goto("/login")
        moved = page.evaluate("""() => new Promise((resolve) => {
            new PerformanceObserver(() => setTimeout(() => resolve(shifts.length)))
                .observe({ type: "layout-shift" });
            const high = document.createElement("p");
            high.style.height = "300px";
            document.querySelector("main").prepend(high);
        })""")
        assert moved > 0
        assert visit.sent("html") > 500
        assert visit.depth(visitor.url + "/login") == 1
