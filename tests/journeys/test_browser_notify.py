"""The bell and the forgotten password in a real browser: nothing asked before a tap, all usable."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.journeys.browser import (
    DESKTOP,
    NARROW,
    PHONE,
    Visit,
    organising,
    visiting,
)
from tests.journeys.test_browser_axe import violations
from tests.journeys.test_browser_pages import join
from tests.pictures import labelled
from tests.push_service import Browser as Keys
from tests.service import Service, running_service

BELL = "Me prévenir des nouvelles photos"
#: A browser in a test reaches no push service: what its maker's would answer.
SUBSCRIPTION = """
(keys) => {
  let made = null;
  const toJSON = () => ({ endpoint: "https://push.example.org/phone", keys });
  PushManager.prototype.subscribe = async (options) => {
    window.subscribedWith = options;
    made = { endpoint: "https://push.example.org/phone", toJSON };
    return made;
  };
  PushManager.prototype.getSubscription = async () => made;
}
"""


@pytest.fixture(scope="module")
def mailing(scratch: Path) -> Iterator[Service]:
    """A service that offers mail; it goes nowhere."""
    settings = {
        "SMTP_URL": "smtp://127.0.0.1:9",
        "FINDME_BASE_URL": "http://photos.example.org",
    }
    with running_service(scratch / "mailing", settings=settings) as started:
        yield started


@pytest.fixture(scope="module")
def event(browser: Browser, mailing: Service) -> dict[str, Any]:
    with organising(browser, mailing) as organiser:
        return organiser.make_event("Cloche")


@pytest.fixture
def guest(browser: Browser, mailing: Service) -> Iterator[Visit]:
    with visiting(browser, mailing) as visit:
        yield visit


def enter(visit: Visit, event: dict[str, Any], name: str) -> Page:
    """Join the event and wait for the gallery, in a browser that can be pushed to."""
    visit.page.add_init_script(f"({SUBSCRIPTION})({json.dumps(Keys().keys)})")
    visit.context.grant_permissions(["notifications"])
    join(visit, event["code"], name, next(iter(labelled().selfies.values())))
    expect(visit.page.get_by_role("button", name=BELL)).to_be_visible()
    return visit.page


def worker_of(page: Page) -> tuple[CDPSession, str]:
    """Return the way to the page's service worker, and its registration."""
    session = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda about: found.extend(item["registrationId"] for item in about["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_function("navigator.serviceWorker.ready.then(() => true)")
    return session, found[-1]


def test_nothing_is_asked_before_a_tap(guest: Visit, event: dict[str, Any]) -> None:
    page = enter(guest, event, "calm")
    assert (
        page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    )
    assert page.evaluate("window.subscribedWith") is None
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_bell_tells_this_device_and_by_mail_and_takes_both_back(
    guest: Visit, event: dict[str, Any]
) -> None:
    page = enter(guest, event, "bell")
    here, mail = (page.get_by_label(text) for text in ("Sur cet appareil", "Par e-mail, à"))
    page.get_by_role("button", name=BELL).click()
    here.check()
    mail.check()
    expect(here).to_be_enabled()
    expect(mail).to_be_enabled()

    page.reload()
    page.get_by_role("button", name=BELL).click()
    expect(mail).to_be_checked()
    status = page.evaluate(
        f"fetch('/api/me/events/{event['id']}/notify').then((answer) => answer.json())"
    )
    assert status == {"mail": True, "mail_offered": True, "browsers": 1}

    mail.uncheck()
    expect(mail).to_be_enabled()
    page.get_by_role("button", name="Fermer").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=BELL)).to_be_focused()


def test_a_message_shows_and_leads_to_the_gallery(
    guest: Visit, event: dict[str, Any], mailing: Service
) -> None:
    page = enter(guest, event, "message")
    page.get_by_role("button", name=BELL).click()
    page.get_by_label("Sur cet appareil").check()
    expect(page.get_by_label("Sur cet appareil")).to_be_enabled()
    session, registration = worker_of(page)
    # who looks at another page is told; who looks at these photos sees them come
    page.goto(mailing.url + "/account")
    message = {
        "title": "Cloche",
        "body": "3 nouvelles photos de vous",
        "url": f"/gallery?event={event['id']}",
        "language": "fr",
    }
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": mailing.url, "registrationId": registration, "data": json.dumps(message)},
    )
    # a predicate that is waited for must not be async: its promise alone would do
    page.evaluate(
        """() => {
            navigator.serviceWorker.ready.then(async (registration) => {
                while (!window.shown) {
                    const [first] = await registration.getNotifications();
                    window.shown = first && [first.title, first.body, first.lang, first.data.url];
                }
            });
        }"""
    )
    shown = page.wait_for_function("window.shown")
    assert shown.json_value() == ["Cloche", message["body"], "fr", message["url"]]


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dialog_and_the_pages_are_accessible(
    browser: Browser, mailing: Service, event: dict[str, Any], size: tuple[int, int], scheme: Any
) -> None:
    with visiting(browser, mailing, size) as visit:
        visit.page.emulate_media(color_scheme=scheme)
        for path in ("/login", "/forgotten", "/reset/over"):
            visit.goto(path)
            assert violations(visit) == [], path
        page = enter(visit, event, f"axe-{size[0]}-{scheme}")
        page.get_by_role("button", name=BELL).click()
        expect(page.get_by_label("Par e-mail, à")).to_be_visible()
        assert violations(visit) == []


def test_nothing_scrolls_sideways_on_the_narrowest_screen(
    browser: Browser, mailing: Service, event: dict[str, Any]
) -> None:
    with visiting(browser, mailing, NARROW) as visit:
        for path in ("/login", "/forgotten", "/reset/over"):
            visit.goto(path)
            assert visit.overflow() <= 0, path
        page = enter(visit, event, "narrow")
        assert visit.overflow() <= 0
        page.get_by_role("button", name=BELL).click()
        assert visit.overflow() <= 0
