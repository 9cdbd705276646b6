"""What holds for every page: no sideways scroll, no broken policy, names for all, small files."""

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import NARROW, Organiser, Visit, join, visiting
from tests.support.pictures import drawn, labelled
from tests.support.service import Service

#: CSS pixels that a finger hits.
TARGET = 24


def unnamed(page: Page) -> list[str]:
    """Return visible controls that a screen reader could not name."""
    found: list[str] = (
        page.evaluate("""() => [...document.querySelectorAll("a, button, input, select, img")]
        .filter((element) => element.checkVisibility() && element.type !== "hidden")
        .filter((element) => !(element.labels?.length || element.getAttribute("aria-label")
            // an empty text says that a picture adds nothing
            || element.hasAttribute("alt") || element.textContent.trim()
            || element.querySelector("img[alt]")))
        .map((element) => element.outerHTML)""")
    )
    return found


def small_targets(page: Page) -> list[str]:
    """Return buttons and standing links that are too small for a finger."""
    found: list[str] = page.evaluate(
        """(least) => [
            ...document.querySelectorAll("button, input, select, nav a, a.button, a.round")]
        .filter((element) => element.checkVisibility())
        .filter((element) => {
            const box = (element.closest("label") ?? element).getBoundingClientRect();
            return box.width > 1 && (box.width < least || box.height < least);
        }).map((element) => element.outerHTML)""",
        TARGET,
    )
    return found


def test_a_long_name_fits_a_narrow_screen(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """At 320 px nothing scrolls sideways; every control has a name and room for a finger.

    In French, whose words are the longest; test_browser_every_page.py looks in both languages.
    """
    event = organiser.make_event("Anniversaire-de-Mariage-Soixante", gallery="everyone")
    organiser.upload(event, "a.jpg", drawn(61))
    changed = organiser.call("PATCH", f"/api/admin/events/{event['id']}", data={"wall": True})
    wall = changed["wall_url"].removeprefix(service.url)
    selfie = next(iter(labelled().selfies.values()))
    with visiting(browser, service, NARROW) as visit:
        pages = ["/", "/login", "/nothing", f"/e/{event['code']}", "/e?code=XXXX", wall]
        look_at(visit, pages)
        join(visit, event["code"], "narrow", selfie)
        look_at(visit, ["/", "/account", f"/e/{event['code']}"])
        look_at(
            visit, [f"/gallery?event={event['id']}&tab={tab}" for tab in ("mine", "maybe", "all")]
        )
    with visiting(browser, service, NARROW) as visit:
        visit.goto("/login")
        visit.page.fill("#email", service.admin_email)
        visit.page.fill("#password", service.admin_password)
        visit.page.press("#password", "Enter")
        visit.page.wait_for_url("**/admin")
        look_at(visit, ["/admin", "/admin/events", f"/admin/events/{event['id']}"])


def look_at(visit: Visit, paths: list[str]) -> None:
    """Check each page as it stands once it is loaded."""
    for path in paths:
        visit.goto(path)
        assert visit.overflow() <= 0, path
        assert unnamed(visit.page) == [], path
        assert small_targets(visit.page) == [], path
        assert visit.page.locator("h1").count() >= 1, path


def test_the_first_tab_leads_past_the_chrome(browser: Browser, service: Service) -> None:
    """A skip link comes first on every page, in the page's language."""
    with visiting(browser, service) as visit:
        visit.goto("/login")
        visit.page.keyboard.press("Tab")
        expect(visit.page.locator(":focus")).to_have_text("Aller au contenu")


def test_the_language_is_kept_and_leaves_the_address(browser: Browser, service: Service) -> None:
    """The switch wins over the browser's wish, on later pages too."""
    with visiting(browser, service) as visit:
        visit.goto("/login?next=/account")
        expect(visit.page.locator("h1")).to_have_text("Retrouvez vos photos")
        visit.page.click(".languages >> text=EN")
        expect(visit.page.locator("h1")).to_have_text("Welcome back")
        assert visit.page.url.endswith("/login?next=/account")
        visit.goto("/")
        expect(visit.page.locator("h2 >> nth=0")).to_have_text(
            "One selfie, and your photos come to you."
        )


def test_the_scheme_can_be_chosen(browser: Browser, service: Service, organiser: Organiser) -> None:
    """Night by choice, on a device that says day."""
    event = organiser.make_event("Nuit")
    selfie = next(iter(labelled().selfies.values()))
    with visiting(browser, service) as visit:
        join(visit, event["code"], "night", selfie)
        visit.goto("/account")
        visit.page.check("input[value=dark]")
        expect(visit.page.locator("html")).to_have_attribute("data-scheme", "dark")
        # its first tag is there before its styles are
        visit.page.wait_for_load_state()
        paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == "rgb(21, 18, 20)"
