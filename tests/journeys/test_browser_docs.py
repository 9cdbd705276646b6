"""The page of the API is read on any screen."""

from playwright.sync_api import Browser

from tests.support.browser import DESKTOP, NARROW, PHONE, visiting
from tests.support.service import Service

#: Boxes that hide a part of what is in them, and cells with words that have no room for them.
LOST = """() => ({
    cut: [...document.querySelectorAll(".scroll, .card")]
        .filter((box) => box.scrollWidth > box.clientWidth)
        .map((box) => box.textContent.trim().slice(0, 80)),
    squeezed: [...document.querySelectorAll("td")]
        .filter((cell) => cell.textContent.trim().length > 40 && cell.clientWidth < 180)
        .map((cell) => cell.textContent.trim()),
})"""


def test_nothing_of_the_api_is_cut_off_or_squeezed(browser: Browser, service: Service) -> None:
    with visiting(browser, service) as visit:
        visit.goto("/api/docs")
        assert visit.page.locator("td").count() > 500
        for size in (NARROW, PHONE, DESKTOP):
            assert visit.overflow_at(size) <= 0, size
            assert visit.page.evaluate(LOST) == {"cut": [], "squeezed": []}, size
