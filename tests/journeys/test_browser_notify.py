"""The bell and the forgotten password in a real browser: nothing asked before a tap, all usable."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.support.accessibility import Look, hold, look_at
from tests.support.browser import (
    DESKTOP,
    NARROW,
    PATIENCE,
    PHONE,
    Visit,
    join,
    organising,
    visiting,
)
from tests.support.pictures import labelled
from tests.support.push_service import Browser as Keys
from tests.support.service import Service, running_service

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
WORKERS = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
#: All notifications that are shown.
SHOWN = """
async () => {
  const all = await (await navigator.serviceWorker.ready).getNotifications();
  return all.map((one) => [one.title, one.body, one.lang, one.data.url, one.silent]);
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


class PushMessages:
    """What a push service does in a browser: it wakes the page's service worker."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page, self._origin = page, origin
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._registrations: list[str] = []
        self._displayed = 0
        self._session.on("ServiceWorker.workerRegistrationUpdated", self._note_registrations)
        self._session.on("BackgroundService.backgroundServiceEventReceived", self._note_event)
        self._session.send("ServiceWorker.enable")
        service = {"service": "notifications"}
        self._session.send("BackgroundService.startObserving", service)
        self._session.send("BackgroundService.setRecording", {**service, "shouldRecord": True})

    def deliver(self, message: dict[str, Any]) -> list[Any]:
        """Send a message; return all notifications once its own is displayed."""
        self._wait(lambda: bool(self._registrations))
        expected = self._displayed + 1
        self._session.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self._origin,
                "registrationId": self._registrations[-1],
                "data": json.dumps(message),
            },
        )
        # Only then may the page ask for them: Chromium forgets a notification that it has written
        # down but not yet displayed if getNotifications comes in between.
        self._wait(lambda: self._displayed >= expected)
        shown: list[Any] = self._page.evaluate(SHOWN)
        return shown

    def _wait(self, happens: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE / 1000
        while not happens():
            assert time.monotonic() < deadline
            # the browser's events arrive while Playwright waits for something
            self._page.wait_for_timeout(20)

    def _note_registrations(self, about: dict[str, Any]) -> None:
        self._registrations.extend(item["registrationId"] for item in about["registrations"])

    def _note_event(self, about: dict[str, Any]) -> None:
        self._displayed += about["backgroundServiceEvent"]["eventName"] == "Notification displayed"


def test_nothing_is_asked_before_a_tap(guest: Visit, event: dict[str, Any]) -> None:
    page = enter(guest, event, "calm")
    assert page.evaluate(WORKERS) == 0
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
    push = PushMessages(page, mailing.url)
    gallery = f"/gallery?event={event['id']}"
    message = {"title": "Cloche", "url": gallery, "language": "fr"}

    # these photos are seen to come; but a message without a notification, an iPhone counts
    page.goto(mailing.url + gallery)
    first = "3 nouvelles photos de vous"
    shown = push.deliver({**message, "body": first})
    assert shown == [["Cloche", first, "fr", gallery, True]]
    page.goto(mailing.url + "/account")
    second = "5 nouvelles photos de vous"
    shown = push.deliver({**message, "body": second})
    assert shown == [["Cloche", second, "fr", gallery, False]]


def test_a_refusal_is_told_and_nothing_is_set_up(guest: Visit, event: dict[str, Any]) -> None:
    """The question comes first of all, as some browsers take it only from the tap itself."""
    page = enter(guest, event, "refusal")
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    page.get_by_role("button", name=BELL).click()
    here = page.get_by_label("Sur cet appareil")
    here.click()
    expect(page.get_by_role("alert")).to_contain_text("bloquées pour ce site")
    expect(here).not_to_be_checked()
    assert page.evaluate(WORKERS) == 0


def test_the_dialog_and_the_pages_are_accessible(
    browser: Browser, mailing: Service, event: dict[str, Any]
) -> None:
    looks = [Look(size, scheme) for size in (PHONE, DESKTOP) for scheme in ("light", "dark")]
    with visiting(browser, mailing) as visit:
        look_at(visit, looks, "/reset/over")
        page = enter(visit, event, "axe")
        page.get_by_role("button", name=BELL).click()
        expect(page.get_by_label("Par e-mail, à")).to_be_visible()
        hold(visit, looks, "the bell's dialog")


def test_nothing_scrolls_sideways_on_the_narrowest_screen(
    browser: Browser, mailing: Service, event: dict[str, Any]
) -> None:
    with visiting(browser, mailing, NARROW) as visit:
        visit.goto("/reset/over")
        assert visit.overflow() <= 0
        page = enter(visit, event, "narrow")
        assert visit.overflow() <= 0
        page.get_by_role("button", name=BELL).click()
        assert visit.overflow() <= 0
