"""The audit log in a real browser: what an admin did is read there, of all events or of one."""

from playwright.sync_api import Browser, expect

from tests.support.browser import DESKTOP, PHONE, Organiser, Visit, signed_in, visiting
from tests.support.service import ADMIN_EMAIL, Service

#: Entries of a page, and some that are older.
MANY = 104


def follow(visit: Visit, text: str, address: str) -> None:
    """Press a link, and wait until the page it leads to is there."""
    visit.page.get_by_role("link", name=text, exact=True).first.click()
    visit.page.wait_for_url(visit.url + address)


def test_what_an_admin_did_is_read_and_narrowed_to_one_event(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Who, what and when of each thing done; the event's name leads to its entries, and back."""
    event = organiser.make_event("Told of")
    other = organiser.make_event("Besides")
    path = f"/api/admin/events/{event['id']}"
    organiser.call("PATCH", path, data={"join_open": False, "match_threshold": 95})
    organiser.call("POST", f"{path}/tokens", data={"label": "Théo Blanc"})
    organiser.call("POST", "/api/admin/queue/pause")
    organiser.call("POST", "/api/admin/queue/resume")
    with visiting(browser, service, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        visit.goto("/admin/audit")
        told = page.locator("tbody tr")
        expect(told.nth(0)).to_contain_text("Queue resumed")
        expect(told.nth(1)).to_contain_text("Queue paused")
        expect(told.nth(2)).to_contain_text("Upload access made")
        expect(told.nth(2)).to_contain_text(ADMIN_EMAIL)
        expect(told.nth(3)).to_contain_text("Event changed")
        # what was changed is said on a telephone, too
        expect(told.nth(3).get_by_text("Sure from")).to_be_visible()
        expect(told.nth(3)).to_contain_text("Who may join")
        assert visit.overflow_at(DESKTOP, PHONE) <= 0

        follow(visit, event["name"], f"/admin/audit?event_id={event['id']}")
        expect(page.locator("#only")).to_have_text(f"Only of {event['name']}")
        expect(told).to_have_count(3)
        expect(page.locator("main")).not_to_contain_text(other["name"])
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        follow(visit, "The whole log", "/admin/audit")
        expect(page.locator("tbody")).to_contain_text(other["name"])

        organiser.call("DELETE", path)
        visit.goto(f"/admin/audit?event_id={event['id']}")
        expect(page.locator("#only")).to_have_text(f"Only of event {event['id']}")
        expect(told.nth(0)).to_contain_text("Event erased")


def test_older_entries_are_a_page_further(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """The log of one event stays that event's on each page, and has an end."""
    event = organiser.make_event("Much done")
    for number in range(MANY - 1):
        organiser.call(
            "PATCH",
            f"/api/admin/events/{event['id']}",
            data={"watermark": f"Number {number}"},
        )
    with visiting(browser, service) as visit:
        page = signed_in(visit, organiser).page
        visit.goto(f"/admin/audit?event_id={event['id']}")
        expect(page.locator("tbody tr")).to_have_count(100)
        page.get_by_role("link", name="Entrées plus anciennes").click()
        page.wait_for_url("**before=*")
        expect(page.locator("tbody tr")).to_have_count(MANY - 100)
        expect(page.locator("tbody tr").last).to_contain_text("Événement créé")
        expect(page.locator("#only")).to_contain_text(event["name"])
        expect(page.get_by_role("link", name="Entrées plus anciennes")).to_have_count(0)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0


def test_the_log_is_for_admins(browser: Browser, service: Service) -> None:
    """Without a session the page asks for one, and leads on to the log."""
    with visiting(browser, service) as visit:
        visit.goto("/admin/audit")
        expect(visit.page.locator("#email")).to_be_visible()
        visit.page.fill("#email", service.admin_email)
        visit.page.fill("#password", service.admin_password)
        visit.page.press("#password", "Enter")
        visit.page.wait_for_url("**/admin/audit")
        expect(visit.page.locator("h1")).to_have_text("Journal")
