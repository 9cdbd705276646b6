"""Every page there is, filled with the demo: axe, no sideways scroll, the visitor's language.

The list is that of the documents' pictures and of what they leave out; it is held against the
routes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

import pytest
from aiohttp import web
from playwright.sync_api import Browser, expect

from findme.web import routes
from tests.screenshots import ADMIN, GUEST, NAMED, VISITOR, Studio, sign_in, studio
from tests.support.accessibility import Look, hold, look_cases, violations
from tests.support.browser import NARROW, Visit, visiting
from tests.support.screenshot_scenes import Exhibits, set_up

#: Pages without a picture in the documents.
MAILED = {"unsubscribe": "/unsubscribe/{leave}", "keep-out": "/e/{code}/out"}
UNDRAWN = {
    "admin-loose": "/admin/events/{event}/faces/loose",
    "admin-papers": "/admin/events/{event}/papers",
    "admin-notice": "/admin/events/{event}/papers/notice",
    "admin-poster": "/admin/events/{event}/papers/poster",
    "admin-record": "/admin/events/{event}/papers/record",
    "admin-assessment": "/admin/events/{event}/papers/assessment",
    "admin-release": "/admin/events/{event}/papers/release",
    "admin-waiting": "/admin/events/{event}/waiting",
    "admin-invitations": "/admin/events/{event}/invitations",
    "second-factor": "/account/second-factor",
}
#: What is no page, or is looked at elsewhere: the wall and a typed code in test_browser_axe.py.
ELSEWHERE = {
    "/accent/{}.css",
    "/admin/stream",
    "/confirm/{}",
    "/e",
    "/e/{}/cover",
    "/gallery/counts",
    "/gallery/me.jpg",
    "/healthz",
    "/metrics",
    "/readyz",
    "/sw.js",
    "/wall/{}",
    "/wall/{}/qr.svg",
}


@pytest.fixture(scope="module")
def at() -> Iterator[Studio]:
    """The demo, served; before the browser, whose loop would be in its way."""
    with studio() as opened:
        yield opened


@pytest.fixture(scope="module")
def shown(at: Studio, browser: Browser) -> Exhibits:
    """What the addresses of the pages name."""
    with visiting(browser, at.service) as visit:
        return set_up(visit, at.made)


def check(
    visit: Visit,
    pages: Mapping[str, str],
    named: Mapping[str, object],
    language: str,
    looks: Iterable[Look],
) -> None:
    """Hold one page after the other to the rules; a script's error fails at the end."""
    for name, pattern in pages.items():
        answer = visit.page.goto(visit.url + pattern.format_map(named))
        assert answer is not None
        assert answer.ok, f"{name}: {answer.status}"
        assert visit.page.get_attribute("html", "lang") == language[:2], name
        for look in looks:
            look.set_on(visit)
            assert violations(visit) == [], f"{name}, {look}"
            assert visit.overflow() <= 0, f"{name}, {look}"


def test_every_page_is_on_the_list() -> None:
    app = web.Application()
    routes.add_routes(app, worker=False)
    lists = (VISITOR, MAILED, GUEST, NAMED, ADMIN, UNDRAWN)
    looked_at = {_shape(address) for pages in lists for address in pages.values()}

    gets = {
        _shape(route.resource.canonical)
        for route in app.router.routes()
        if route.resource and route.method == "GET"
    }

    assert {path for path in gets if not path.startswith("/api/")} == looked_at | ELSEWHERE


def _shape(address: str) -> str:
    """Return an address without its query and the names of its parts."""
    return re.sub(r"\{[^}]*\}", "{}", address.partition("?")[0])


@look_cases(NARROW)
def test_no_page_breaks_a_rule(
    at: Studio,
    browser: Browser,
    shown: Exhibits,
    language: str,
    looks: tuple[Look, ...],
) -> None:
    """A visitor's, a guest's, a named guest's and an organiser's pages.

    They are looked at as wide as a desk, and as narrow as a page must bear (WCAG 1.4.10).
    """
    people = {
        "visitor": ({**VISITOR, **MAILED}, None),
        "guest": (GUEST, (at.made.guest_email, at.made.password)),
        "named": (NAMED, None),
        "admin": ({**ADMIN, **UNDRAWN}, (at.made.admin_email, at.made.password)),
    }
    for who, (pages, credentials) in people.items():
        with visiting(browser, at.service, language=language) as visit:
            if credentials:
                sign_in(visit, *credentials)
            if who == "named":
                visit.goto(f"/k/{shown.key}")
                visit.page.click("form button.main")
                visit.page.wait_for_url("**/gallery?event=*")
                # the account speaks the language it was made in
                visit.goto(f"/account?lang={language[:2]}")
            check(visit, pages, {**asdict(shown), "leave": at.leave}, language, looks)
            if who == "admin" and credentials:
                # the code to scan has no address
                visit.goto("/account/second-factor")
                visit.page.fill("#password", credentials[1])
                visit.page.click("form button.main")
                expect(visit.page.locator("img.qr")).to_be_visible()
                hold(visit, looks, "a code to scan")


def test_leaving_the_mails_breaks_no_rule_either(at: Studio, browser: Browser) -> None:
    """The answer to the button behind a mail's link, which no address shows."""
    with visiting(browser, at.service, NARROW) as visit:
        visit.goto(f"/unsubscribe/{at.leave}")
        visit.page.click("main button")
        expect(visit.page.locator("h1")).to_have_text("Plus aucun e-mail.")
        assert violations(visit) == []
        assert visit.overflow() <= 0
