"""An organiser's evening in a real browser: an event, its photos, its people, its end."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.browser import Organiser, Visit
from tests.support.pictures import drawn, labelled


def uploads(page: Page) -> list[str]:
    """Return the verdicts of the dropped files, as they stand."""
    return page.locator("#uploads .chip").all_inner_texts()


def test_an_event_is_made_and_its_photos_are_dropped_on_it(admin: Visit, tmp_path: Path) -> None:
    """Each file gets a verdict; the grid fills with what was found on them."""
    page = admin.page
    page.click("nav >> text=Events")
    page.wait_for_url("**/admin/events")
    page.click("text=New event")
    page.fill("#name", "Gala")
    page.fill("#starts", "2026-11-21T19:00")
    page.click("text=Make it")
    page.wait_for_url(re.compile(r"/admin/events/\d+$"))
    expect(page.locator("#code")).to_have_text(re.compile(r"^[2-9A-Z]{4} [2-9A-Z]{4}$"))
    expect(page.locator("h1 + div")).to_contain_text("November 21, 2026")

    face = next(iter(labelled().selfies.values()))
    (tmp_path / "scene.jpg").write_bytes(drawn(31))
    (tmp_path / "again.jpg").write_bytes(drawn(31))
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "face.jpg").write_bytes(face.read_bytes())
    # one after the other: which of two equal files is the duplicate is then certain
    for number, name in enumerate(("scene.jpg", "again.jpg", "text.jpg", "face.jpg"), start=1):
        page.set_input_files("#files", tmp_path / name)
        expect(page.locator("#uploads [data-done]")).to_have_count(number)
    # what was not taken stands first: among fifty it would not be seen
    assert uploads(page) == ["Rejected", "Received", "Already here", "Received"]
    expect(page.locator("#uploads-title")).to_have_text("4 of 4 files sent, 1 rejected")
    expect(page.locator("#photos .tile")).to_have_count(2)
    expect(page.locator("#photos .state")).to_have_text(["1 face", "No face"])
    expect(page.locator("[data-total=photos]")).to_have_text("2")

    page.click("#clear-uploads")
    expect(page.locator("#uploads")).to_be_hidden()
    page.set_input_files("#files", tmp_path / "again.jpg")
    expect(page.locator("#uploads [data-done]")).to_have_count(1)
    expect(page.locator("#uploads-title")).to_have_text("1 of 1 files sent")


def test_a_photographer_gets_access_that_is_shown_once(admin: Visit, organiser: Organiser) -> None:
    """The token uploads; after a reload only its label is left; taken back it opens nothing."""
    event = organiser.make_event("Access")
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}")
    page.fill("#label", "Jeanne")
    page.click("text=New access")
    expect(page.locator("#new-token")).to_be_visible()
    token = page.locator("#new-token code").inner_text()
    upload = f"{admin.url}/api/events/{event['id']}/photos?filename=a.jpg"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    assert page.request.post(upload, data=drawn(41), headers=headers).status == 202
    page.reload()
    expect(page.locator("#tokens strong")).to_have_text("Jeanne")
    expect(page.locator("#new-token")).to_be_hidden()
    page.click("[aria-label='Remove Jeanne']")
    page.click("#remove button[value=yes]")
    expect(page.locator("#tokens .slot")).to_have_count(0)
    assert page.request.post(upload, data=drawn(42), headers=headers).status == 401


def test_the_desk_shows_the_queue_at_work(admin: Visit, organiser: Organiser) -> None:
    """Figures appear by themselves, what failed can be taken up again."""
    event = organiser.make_event("Desk")
    organiser.upload(event, "cut.jpg", drawn(51)[:-4000])
    page = admin.page
    admin.goto("/admin")
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("[data-part=now]")).to_contain_text("photo")
    expect(page.locator("[data-part=failed]")).to_contain_text("cut.jpg")
    page.click("[aria-label='Retry cut.jpg'] >> nth=0")
    expect(page.locator("#toast")).to_have_text("1 job is waiting again.")


def test_a_refusal_is_told_in_the_language_of_the_page(
    admin: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    """A French page has the catalogue's sentence for the English one of the server."""
    event = organiser.make_event("Refus")
    admin.goto(f"/admin/events/{event['id']}?lang=fr")
    page = admin.page
    (tmp_path / "cut.jpg").write_bytes(drawn(52)[:2000])
    page.set_input_files("#files", tmp_path / "cut.jpg")
    expect(page.locator("#uploads [data-done] > :first-child, #photos .state")).to_contain_text(
        ["Le fichier est coupé"]
    )


def test_an_event_goes_only_with_its_name_typed(admin: Visit, organiser: Organiser) -> None:
    """A wrong name erases nothing."""
    event = organiser.make_event("Last dance")
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}")
    page.click("[data-open=delete]")
    page.fill("#confirm", "last dance")
    page.click("#delete-form .danger")
    expect(page.locator("#delete-form .wrong")).to_be_visible()
    page.fill("#confirm", "Last dance")
    page.click("#delete-form .danger")
    page.wait_for_url("**/admin/events?erased=1")
    expect(page.locator("main")).not_to_contain_text("Last dance")


def test_a_closed_event_takes_no_guests(admin: Visit, organiser: Organiser) -> None:
    """The join page says so instead of showing the form."""
    event = organiser.make_event("Closed")
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}")
    page.click("text=Close to new guests")
    expect(page.locator(".chip", has_text="Closed")).to_be_visible()
    admin.goto(f"/e/{event['code']}")
    expect(page.locator("h2 >> nth=0")).to_have_text("The event is closed.")
    expect(page.locator("#join")).to_have_count(0)
