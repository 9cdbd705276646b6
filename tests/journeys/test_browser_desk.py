"""The operator's desk and jobs in a real browser: what changes is seen without a reload."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.browser import (
    DESKTOP,
    NARROW,
    PHONE,
    Organiser,
    organising,
    signed_in,
    visiting,
)
from tests.support.pictures import drawn
from tests.support.service import Service


@pytest.fixture
def organiser(browser: Browser, service: Service) -> Iterator[Organiser]:
    """The admin at the API."""
    with organising(browser, service) as opened:
        yield opened
        # whatever a test did to the queue, the next finds it at work
        opened.call("POST", "/api/admin/queue/resume")
        opened.call("PATCH", "/api/admin/queue", data={"workers": None, "concurrency": None})


def test_an_alert_and_the_pause_are_seen_as_they_come(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """The desk is open; an event is about to end, the queue is paused, and both are said."""
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        visit.goto("/admin")
        expect(page.locator("#live")).to_be_visible()
        soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        event = organiser.make_event("Ends soon", expires_at=soon)
        expect(page.locator("[data-part=alerts]")).to_contain_text(event["name"])
        pause = page.locator("#pause")
        expect(pause).to_have_text("Pause")
        page.click("#pause")
        expect(page.locator("#toast")).to_contain_text("paused")
        # the word says what a press does; a state beside it would say the opposite
        expect(pause).to_have_text("Resume")
        assert pause.get_attribute("aria-pressed") is None
        expect(page.locator("[data-part=now]")).to_contain_text("The queue is paused")
        organiser.upload(event, "waits.jpg", drawn(61))
        expect(page.locator("[data-part=queue] .figure")).to_contain_text(re.compile(r"[1-9]"))
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        page.click("#pause")
        expect(page.locator("[data-part=now]")).not_to_contain_text("paused")
        expect(pause).to_have_text("Pause")
        organiser.call("DELETE", f"/api/admin/events/{event['id']}")
        expect(page.locator("[data-part=alerts]")).not_to_contain_text(event["name"])


def test_figures_that_are_old_are_called_old(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """A desk without its stream shows the time of its figures, not `Live`."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        page.route("**/admin/stream", lambda route: route.abort())
        visit.goto("/admin")
        expect(page.locator("#stale")).to_contain_text("Figures of")
        expect(page.locator("#live")).to_be_hidden()


def test_a_desk_behind_a_proxy_outlives_a_restart(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """The proxy says 502 meanwhile: the figures are called old, and go on afterwards."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.method)
        route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")

    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        page.route("**/admin/stream", refuse)
        visit.goto("/admin")
        page.evaluate("document.title = 'the same page'")
        while len(asked) < 3:
            page.wait_for_event("request")
        assert asked[:3] == ["GET", "HEAD", "GET"]
        expect(page.locator("#stale")).to_contain_text("Figures of")
        page.unroute("**/admin/stream", refuse)
        expect(page.locator("#live")).to_be_visible()
        expect(page.locator("#stale")).to_be_hidden()
        assert page.title() == "the same page"


def test_a_desk_whose_session_has_ended_leads_to_the_sign_in(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """However the stream was refused before."""
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        page.route("**/admin/stream", lambda route: route.fulfill(status=502, body="no"))
        visit.goto("/admin")
        expect(page.locator("#stale")).to_be_visible()
        visit.context.clear_cookies(name="findme_session")
        page.unroute_all()
        page.wait_for_url("**/login?next=/admin")


def test_jobs_are_read_retried_and_steered(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """A failed job tells its reason and its history, and is taken up again."""
    event = organiser.make_event("Jobs")
    organiser.upload(event, "cut-short.jpg", drawn(62)[:-4000])
    organiser.wait_for_jobs()
    with visiting(browser, service, DESKTOP, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        row = page.locator("tr", has_text="cut-short.jpg").first
        visit.goto("/admin/jobs?state=failed")
        expect(row.locator(".chip")).to_have_text("Failed")
        row.get_by_role("link").click()
        expect(page.locator(".history li")).to_have_count(3)
        expect(page.locator(".history")).to_contain_text("cut off")
        page.click("text=Jobs >> nth=0")
        page.wait_for_url("**/admin/jobs")
        page.fill("#workers", "2")
        page.click("#controls button")
        expect(page.locator("#toast")).to_contain_text("Set.")
        assert organiser.call("GET", "/api/admin/queue/stats")["queue"]["workers"] == 2
        visit.goto("/admin/jobs?state=failed")
        row.locator("[data-retry]").click()
        expect(page.locator("#toast")).to_have_text("1 job is waiting again.")


def test_on_a_phone_a_reason_stands_below_its_job(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """From the left, with the button that tries again at its right."""
    event = organiser.make_event("Reasons")
    organiser.upload(event, "below.jpg", drawn(64)[:-4000])
    organiser.wait_for_jobs()
    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        row = page.locator("tr", has_text="below.jpg").first
        visit.goto("/admin/jobs?state=failed")
        name = row.locator("th").bounding_box()
        reason = row.locator("td.why").bounding_box()
        retry = row.locator("[data-retry]").bounding_box()
        assert name
        assert reason
        assert retry
        assert reason["x"] == name["x"]
        assert reason["y"] >= name["y"] + name["height"]
        assert retry["x"] >= reason["x"] + reason["width"]
        assert visit.overflow() <= 0


def test_a_name_of_one_long_word_widens_no_page(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Events, photographers and files are called what people call them."""
    word = "Wirtschaftsprüfungsgesellschaftsjubiläum" * 2
    event = organiser.make_event(word, publish="after_approval")
    path = f"/api/admin/events/{event['id']}"
    token = organiser.call("POST", f"{path}/tokens", data={"label": word})["token"]
    organiser.call(
        "POST",
        "/api/upload-token/report",
        data={"backlog": 3, "sent": 9, "last_error": word},
        headers={"Authorization": f"Bearer {token}"},
    )
    organiser.upload(event, "a.jpg", drawn(65))
    organiser.upload(event, f"{quote(word)}.jpg", drawn(66)[:-4000])
    own = f"/admin/events/{event['id']}"
    organiser.wait_for_jobs()
    with visiting(browser, service) as visit:
        page = signed_in(visit, organiser).page
        for address in (
            "/admin/jobs?state=failed",
            "/admin",
            "/admin/events",
            "/admin/audit",
            f"/admin/audit?event_id={event['id']}",
            *(f"{own}{tab}" for tab in ("", "/card", "/choices", "/photographers", "/photos")),
        ):
            visit.goto(address)
            expect(page.locator("body")).to_contain_text(word)
            assert visit.overflow_at(NARROW, DESKTOP) <= 0, address
    organiser.call("DELETE", path)


def test_a_cameras_clock_is_put_right_in_minutes_and_seconds(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """What it does is said before it is set, and stands there when the page is opened again."""
    event = organiser.make_event("Clocks")
    path = f"/api/admin/events/{event['id']}/tokens"
    token = organiser.call("POST", path, data={"label": "Théo Blanc"})["token"]
    report = {"backlog": 0, "sent": 9, "clock_ahead_s": 192.4}
    headers = {"Authorization": f"Bearer {token}"}
    organiser.call("POST", "/api/upload-token/report", data=report, headers=headers)

    def offset() -> int:
        stored: int = organiser.call("GET", path)[0]["clock_offset_s"]
        return stored

    with visiting(browser, service, PHONE, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        visit.goto(f"/admin/events/{event['id']}/photographers")
        says = page.locator("[data-says]")
        expect(says).to_have_text("The camera’s times stand as they are.")
        page.get_by_label("Minutes").fill("3")
        page.get_by_label("Seconds").fill("12")
        expect(says).to_have_text("+ 3 min 12 s is added to the camera’s times.")
        assert offset() == 0
        page.click("form.clock >> text=Set")
        expect(page.locator("#toast")).to_contain_text("Set.")
        assert offset() == 192
        page.get_by_label("It is").select_option("-1")
        expect(says).to_have_text("− 3 min 12 s: taken off the camera’s times.")
        page.fill("[name=seconds]", "75")
        page.click("form.clock >> text=Set")
        assert offset() == 192  # the browser refuses 75 seconds
        page.click("text=Take over the computer’s")
        expect(page.get_by_label("Seconds")).to_have_value("12")
        assert offset() == -192
        page.reload()
        expect(says).to_have_text("− 3 min 12 s: taken off the camera’s times.")
        expect(page.get_by_label("It is")).to_have_value("-1")
        assert visit.overflow() <= 0
