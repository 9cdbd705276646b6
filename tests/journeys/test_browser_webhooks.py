"""Webhooks in a real browser: made, told, tested, switched off and removed; ours is never told."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.accessibility import Look, hold
from tests.support.browser import (
    DESKTOP,
    PATIENCE,
    PHONE,
    Organiser,
    Visit,
    organising,
    signed_in,
    visiting,
)
from tests.support.service import Service, running_service

REFUSED = ("https://127.0.0.1/hook", "https://169.254.169.254/latest", "http://example.org/hook")
LOOKS = (Look(DESKTOP, "light"), Look(PHONE, "light"))


@dataclass
class Receiver:
    """Somebody who is told, and answers as the test says."""

    url: str
    status: int = 200
    heard: "Queue[bytes]" = field(default_factory=Queue)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server of somebody else's, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            made.heard.put(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Keep the test's output for the test."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may tell receivers on this machine."""
    folder: Path = tmp_path_factory.mktemp("telling")
    with running_service(folder / "data", settings={"WEBHOOK_ALLOW_PRIVATE": "1"}) as started:
        yield started


@pytest.fixture(scope="module")
def teller(browser: Browser, telling: Service) -> Iterator[Organiser]:
    """That service's admin at the API."""
    with organising(browser, telling) as opened:
        yield opened


def make(visit: Visit, url: str, *topics: str) -> None:
    """Fill in the form of a new webhook and send it."""
    visit.page.fill("#url", url)
    for topic in topics:
        visit.page.get_by_label(topic).check()
    visit.page.get_by_role("button", name="Make it").click()


def press(visit: Visit, button: str, address: str) -> None:
    """Press a button, and wait until the page that answers it is there."""
    visit.page.get_by_role("button", name=button, exact=True).first.click()
    visit.page.wait_for_url(visit.url + address)


def newest(visit: Visit, state: str) -> Locator:
    """Look again until the newest delivery has this state; return its row."""
    row = visit.page.locator("tbody tr").first
    while row.locator(".chip").inner_text() != state:
        visit.page.reload()
    return row


def test_a_webhook_is_made_told_and_removed(
    browser: Browser,
    telling: Service,
    teller: Organiser,
    receiver: Receiver,
) -> None:
    """The secret is shown once; the list of deliveries says what became of each."""
    with visiting(browser, telling, language="en-GB") as visit:
        page = signed_in(visit, teller).page
        visit.goto("/admin/webhooks")
        expect(page.get_by_role("heading", name="No webhook yet")).to_be_visible()
        make(visit, receiver.url, "Event made", "Photos can be seen")
        secret = page.locator(".notice code")
        expect(secret).to_contain_text("whsec_")
        hold(visit, LOOKS, page.url)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        kept = secret.inner_text()
        visit.goto("/admin/webhooks")
        row = page.locator("tbody tr", has_text=receiver.url)
        expect(row).to_contain_text("Active")
        # what it is told of is said on a telephone, too
        expect(row.get_by_text("Event made, Photos can be seen")).to_be_visible()
        assert kept not in page.content()

        row.get_by_role("link").click()
        page.wait_for_url("**/admin/webhooks/*")
        here = page.url.removeprefix(visit.url)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        assert kept not in page.content()
        press(visit, "Send a test", f"{here}?did=test")
        expect(page.get_by_role("status")).to_contain_text("A test is on its way")
        assert b'"test"' in receiver.heard.get(timeout=PATIENCE / 1000)
        page.get_by_role("link", name="See what became of it").click()
        page.wait_for_url(visit.url + here)
        expect(newest(visit, "Delivered")).to_contain_text("Test")

        receiver.status = 503
        event = teller.make_event("Announced")
        assert event["name"].encode() in receiver.heard.get(timeout=PATIENCE / 1000)
        visit.goto(here)
        expect(page.locator("tbody tr")).to_have_count(2)
        while page.get_by_text("The receiver answered 503.").count() == 0:
            page.reload()
        expect(newest(visit, "Waiting")).to_contain_text("Event made")
        expect(page.locator("tbody tr").first).to_contain_text("once more at")
        hold(visit, LOOKS, page.url)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        receiver.status = 200
        press(visit, "Send again", f"{here}?did=again")
        expect(page.get_by_role("status")).to_contain_text("It is sent once more.")
        assert event["name"].encode() in receiver.heard.get(timeout=PATIENCE / 1000)
        expect(newest(visit, "Delivered")).to_contain_text("Event made")

        press(visit, "Switch off", f"{here}?did=off")
        expect(page.locator("main .chip", has_text="Off")).to_be_visible()
        teller.make_event("Kept quiet")
        page.reload()
        expect(page.locator("tbody tr")).to_have_count(2)

        press(visit, "Remove", here)
        expect(page.locator("h1")).to_have_text("Remove this webhook?")
        page.get_by_role("link", name="Keep").click()
        expect(page.locator("h1")).to_have_text(receiver.url)
        press(visit, "Remove", here)
        expect(page.locator("h1")).to_have_text("Remove this webhook?")
        press(visit, "Remove", "/admin/webhooks?removed=1")
        expect(page.get_by_role("status")).to_contain_text("The webhook is removed")
        expect(page.get_by_role("heading", name="No webhook yet")).to_be_visible()
        visit.goto("/admin/audit")
        log = page.locator("tbody tr")
        expect(log.nth(0)).to_contain_text("Webhook removed")
        expect(log.nth(2)).to_contain_text("Switched off")


def test_an_address_of_our_own_network_is_refused(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """The form says what is expected, and keeps what was typed and ticked."""
    with visiting(browser, service, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        for url in REFUSED:
            visit.goto("/admin/webhooks")
            make(visit, url, "Photos can be seen")
            wrong = page.locator("#webhook-wrong")
            expect(wrong).to_contain_text("An https address on the internet")
            expect(page.locator("#url")).to_have_value(url)
            expect(page.get_by_label("Photos can be seen")).to_be_checked()
        expect(page.get_by_label("Event made")).not_to_be_checked()
        expect(page.get_by_role("heading", name="No webhook yet")).to_be_visible()
        hold(visit, LOOKS, page.url)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0


def test_a_webhook_without_a_topic_is_refused(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Nothing ticked is nothing to be told of."""
    with visiting(browser, service) as visit:
        page = signed_in(visit, organiser).page
        visit.goto("/admin/webhooks")
        page.fill("#url", "https://example.org/hook")
        page.get_by_role("button", name="Créer").click()
        expect(page.locator("#webhook-wrong")).to_contain_text("au moins")
        expect(page.locator("#url")).to_have_value("https://example.org/hook")
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
