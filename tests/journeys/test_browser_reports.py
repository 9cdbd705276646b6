"""What an organiser settles in a browser: reports, a group's name, a guest who is to go."""

from typing import Any

from playwright.sync_api import Browser, expect

from tests.support.accessibility import Look, hold
from tests.support.browser import DESKTOP, PASSWORD, PHONE, Organiser, signed_in, visiting
from tests.support.pictures import drawn, labelled
from tests.support.service import Service

LOOKS = (Look(DESKTOP, "light"), Look(PHONE, "light"))


def join(browser: Browser, organiser: Organiser, event: dict[str, Any]) -> str:
    """Let Nour join with a selfie; return the session's token."""
    context = browser.new_context()
    selfie = next(iter(labelled().selfies.values())).read_bytes()
    answer = context.request.post(
        f"{organiser.service.url}/api/events/{event['code']}/join",
        multipart={
            "name": "Nour",
            "email": f"nour-{event['id']}@example.org",
            "password": PASSWORD,
            "consent": "yes",
            "selfie": {"name": "s.jpg", "mimeType": "image/jpeg", "buffer": selfie},
        },
    )
    assert answer.status == 201, answer.text()
    token: str = answer.json()["token"]
    context.close()
    return token


def test_reports_are_left_hidden_and_deleted(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Each goes to the settled ones; what became of the photo shows in the grid."""
    event = organiser.make_event("Reported")
    guest = join(browser, organiser, event)
    notes = {"left.jpg": "A mistake", "hidden.jpg": "Not my best side", "gone.jpg": "Away with it"}
    for seed, name in enumerate(notes, start=101):
        organiser.upload(event, name, drawn(seed))
    with visiting(browser, service, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        # guests report what they see
        organiser.wait_for_jobs()
        sheet = f"/api/admin/events/{event['id']}/contact-sheet"
        for photo in organiser.call("GET", sheet):
            organiser.call(
                "POST",
                f"/api/photos/{photo['id']}/report",
                data={"reason": "private", "note": notes[photo["filename"]]},
                headers={"Authorization": f"Bearer {guest}"},
            )
        visit.goto(f"/admin/events/{event['id']}/reports")
        reports = page.locator("li.report")
        expect(reports).to_have_count(3)
        expect(reports.first).to_contain_text("It shows something private")
        expect(reports.first).to_contain_text("Nour")
        hold(visit, LOOKS, page.url)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0

        left = page.locator("li.report", has_text="A mistake")
        left.get_by_role("button", name="Leave it, settled").click()
        expect(reports).to_have_count(2)
        hidden = page.locator("li.report", has_text="Not my best side")
        hidden.get_by_role("button", name="Hide the photo").click()
        expect(reports).to_have_count(1)
        deleted = page.locator("li.report", has_text="Away with it")
        sure = deleted.get_by_role("button", name="Yes, delete for good")
        expect(sure).to_be_hidden()
        deleted.get_by_text("Delete the photo", exact=True).click()
        sure.click()
        expect(page.locator("main")).to_contain_text("Nothing was reported.")

        page.get_by_role("link", name="Settled").click()
        expect(reports).to_have_count(2)
        expect(page.locator("main")).not_to_contain_text("Away with it")
        visit.goto(f"/admin/events/{event['id']}/photos?view=hidden")
        expect(page.locator(".print")).to_have_count(1)
        visit.goto(f"/admin/events/{event['id']}/photos")
        expect(page.locator(".print")).to_have_count(2)


def test_a_group_is_named_hidden_and_shown_again(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """By its own page, which needs no script; the list says the name, and dims what is hidden."""
    event = organiser.make_event("Grouped")
    photos = labelled()
    for path in sorted(photos.people)[:2]:
        organiser.upload(event, path.name, path.read_bytes())
    organiser.wait_for_jobs()
    with visiting(browser, service, language="en-GB", scripts=False) as visit:
        page = signed_in(visit, organiser).page
        visit.goto(f"/admin/events/{event['id']}/faces")
        words = page.locator(".grow", has_text="in no group").bounding_box()
        assert words
        assert words["width"] >= 240
        page.get_by_role("button", name="Sort faces by person").click()
        people = page.locator(".people li")
        expect(people.first).to_contain_text("Without a name")
        address = people.first.locator("a").get_attribute("href")
        assert address is not None

        visit.goto(address)
        page.fill("#name", "  Tante   Zoé ")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("h1")).to_have_text("Tante Zoé")
        page.get_by_role("button", name="Hide the group").click()
        expect(page.get_by_role("button", name="Show the group")).to_be_visible()
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        visit.goto(f"/admin/events/{event['id']}/faces")
        named = page.locator(".people li", has_text="Tante Zoé")
        expect(named).to_contain_text("Hidden group")
        named.get_by_role("link").click()
        page.get_by_role("button", name="Show the group").click()
        expect(page.get_by_role("button", name="Hide the group")).to_be_visible()


def test_a_guest_is_removed_with_a_receipt(
    browser: Browser, service: Service, organiser: Organiser
) -> None:
    """Asked twice; afterwards the list is without them, and a receipt says what went."""
    event = organiser.make_event("Left")
    join(browser, organiser, event)
    with visiting(browser, service, language="en-GB") as visit:
        page = signed_in(visit, organiser).page
        visit.goto(f"/admin/events/{event['id']}/guests")
        page.get_by_role("link", name="Nour").click()
        expect(page.locator("h1")).to_have_text("Nour")
        surely = page.get_by_role("button", name="Yes, erase for good")
        expect(surely).to_be_hidden()
        page.get_by_text("Remove Nour").click()
        surely.click()
        expect(page.locator(".notice.ok")).to_contain_text("The guest is removed.")
        expect(page.locator("main")).to_contain_text("Nobody has joined yet.")
        hold(visit, LOOKS, page.url)
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
        page.get_by_role("link", name="the receipt").click()
        page.wait_for_url("**/receipt/*")
        expect(page.locator("main")).to_be_visible()
        assert visit.overflow_at(DESKTOP, PHONE) <= 0
