"""An organiser goes through photos, guests, faces and thresholds in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.accessibility import Look, hold
from tests.support.browser import DESKTOP, PHONE, Organiser, Visit, visiting
from tests.support.pictures import drawn, labelled
from tests.support.service import Service


@pytest.fixture(scope="module")
def event(browser: Browser, organiser: Organiser) -> dict[str, Any]:
    """An event with a guest, photos of them, and one that failed; all is done."""
    made = organiser.make_event("Looked through")
    photos = labelled()
    name = next(iter(photos.selfies))
    join(browser, made, organiser, name)
    for path in sorted(path for path, who in photos.people.items() if name in who)[:3]:
        organiser.upload(made, path.name, path.read_bytes())
    organiser.upload(made, "scene.jpg", drawn(71))
    organiser.upload(made, "cut.jpg", drawn(72)[:-4000])
    with visiting(browser, organiser.service, DESKTOP, language="en-GB") as visit:
        sign_in(visit, organiser.service)
        visit.goto(f"/admin/events/{made['id']}/photos?view=working")
        expect(visit.page.locator("[data-working='0']")).to_have_count(1)
        visit.goto(f"/admin/events/{made['id']}/guests")
        while visit.page.locator("td.num >> nth=0").inner_text().split()[-1] == "0":
            visit.page.reload()
    return made


def join(browser: Browser, event: dict[str, Any], organiser: Organiser, name: str) -> None:
    """Let somebody join over the API, in a window without the admin."""
    context = browser.new_context()
    answer = context.request.post(
        f"{organiser.service.url}/api/events/{event['code']}/join",
        multipart={
            "name": name,
            "email": f"people-{event['id']}@example.org",
            "password": "a long password",
            "consent": "yes",
            "selfie": {
                "name": "s.jpg",
                "mimeType": "image/jpeg",
                "buffer": labelled().selfies[name].read_bytes(),
            },
        },
    )
    assert answer.status == 201, answer.text()
    context.close()


def sign_in(visit: Visit, service: Service) -> None:
    visit.goto("/login?next=/admin/events")
    visit.page.fill("#email", service.admin_email)
    visit.page.fill("#password", service.admin_password)
    visit.page.press("#password", "Enter")
    visit.page.wait_for_url("**/admin/events")


def tick(page: Page, *names: str) -> None:
    for name in names:
        page.check(f"[aria-label='Choose {name}']")


def test_photos_are_dropped_hidden_shown_again_and_deleted(
    admin: Visit, organiser: Organiser, tmp_path: Path
) -> None:
    """The bar counts what is chosen; hiding can be taken back; the grid follows by itself."""
    event = organiser.make_event("Sorted out")
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/photos")
    for number in (81, 82):
        (tmp_path / f"{number}.jpg").write_bytes(drawn(number))
    page.set_input_files("#files", [tmp_path / "81.jpg", tmp_path / "82.jpg"])
    expect(page.locator("#uploads [data-done=queued]")).to_have_count(2)
    expect(page.locator(".print img")).to_have_count(2)

    tick(page, "81.jpg")
    expect(page.locator("#chosen")).to_have_text("1 photo chosen")
    page.click(".bulk >> text=Hide")
    expect(page.locator("#toast")).to_contain_text("1 photo is hidden.")
    expect(page.locator("a.chip", has_text="Hidden")).to_have_text("Hidden 1")
    page.click("#toast >> text=Undo")
    expect(page.locator("a.chip", has_text="Hidden")).to_have_count(0)

    page.click("text=Choose all here")
    expect(page.locator("#chosen")).to_have_text("2 photos chosen")
    page.click(".bulk >> text=Delete")
    expect(page.locator("#delete-title")).to_have_text("Delete 2 photos?")
    page.click("#delete >> text=Keep")
    expect(page.locator(".print")).to_have_count(2)
    page.click(".bulk >> text=Delete")
    page.click("#delete button.danger")
    expect(page.locator("#toast")).to_have_text("2 photos are deleted.")
    expect(page.locator(".print")).to_have_count(0)


def test_approving_is_undone_to_waiting(admin: Visit, organiser: Organiser) -> None:
    """Not to hidden: the organiser has not decided yet."""
    event = organiser.make_event("Undone", publish="after_approval")
    for seed in (85, 86):
        organiser.upload(event, f"{seed}.jpg", drawn(seed))
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}")
    expect(page.locator(".tile .state", has_text="To approve")).to_have_count(2)
    admin.goto(f"/admin/events/{event['id']}/photos?view=waiting")
    page.click("text=Choose all here")
    page.click(".bulk >> text=Approve")
    expect(page.locator("#toast")).to_contain_text("2 photos are shown.")
    expect(page.locator("main")).to_contain_text("No photo here.")
    page.click("#toast >> text=Undo")
    expect(page.locator("#toast")).to_have_text("As it was before.")
    expect(page.locator(".print")).to_have_count(2)
    expect(page.locator("main")).not_to_contain_text("No photo here.")


def test_one_photo_shows_faces_guests_and_work(admin: Visit, event: dict[str, Any]) -> None:
    """From the grid to a photo with its boxes, and back to work on it."""
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/photos?view=failed")
    expect(page.locator(".state.failed")).to_contain_text("The file is cut off")
    page.click(".print a")
    expect(page.locator("h1")).to_have_text("cut.jpg")
    page.click("button:has-text('Retry')")
    expect(page.locator("h1")).to_have_text("cut.jpg")
    admin.goto(f"/admin/events/{event['id']}/photos?view=shown")
    page.click(".print >> nth=-1 >> a")
    expect(page.locator(".boxed .box").first).to_be_visible()
    expect(page.locator("section", has_text="Guests on it").locator("a").first).to_be_visible()


def test_a_guest_is_found_and_gets_a_new_link(admin: Visit, event: dict[str, Any]) -> None:
    """The link is shown once, and can be copied."""
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/guests")
    page.fill("#q", "nobody of that name")
    page.press("#q", "Enter")
    expect(page.locator("main")).to_contain_text("No guest is called that.")
    page.fill("#q", f"people-{event['id']}")
    page.press("#q", "Enter")
    page.click("tbody a")
    page.click("text=Make a new link")
    expect(page.locator("#link")).to_have_value(
        f"{admin.url}/reset/" + page.input_value("#link").rpartition("/")[2]
    )
    page.click("[data-copies=link]")
    expect(page.locator("[data-copies=link]")).to_have_text("Copied.")


def test_groups_are_sorted_merged_and_parted_again(admin: Visit, event: dict[str, Any]) -> None:
    """A merge is taken back by the button that tells of it."""
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/faces/loose")
    if page.locator("[name=face_ids]").count():
        admin.goto(f"/admin/events/{event['id']}/faces")
        with page.expect_navigation():
            page.click("text=Sort faces by person")
    admin.goto(f"/admin/events/{event['id']}/faces")
    people = page.locator(".people li")
    before = people.count()
    page.click(".people a >> nth=0")
    page.check("[name=face_ids] >> nth=0")
    # only the page's script counts; without it the form would lead elsewhere
    expect(page.locator("[data-chosen]")).to_have_text("1 face chosen")
    page.click("text=Somebody else: a new group")
    expect(page.locator("#toast")).to_contain_text("A group of its own now.")
    admin.goto(f"/admin/events/{event['id']}/faces")
    expect(people).to_have_count(before + 1)
    boxes = page.locator("[name=group_ids]")
    boxes.nth(0).check()
    boxes.nth(before).check()
    page.click("text=Merge: one person")
    expect(page.locator("#toast")).to_contain_text("One person now.")
    expect(people).to_have_count(before)
    page.click("#toast >> text=Undo")
    expect(people).to_have_count(before + 1)


def test_figures_follow_the_slider_and_are_saved(admin: Visit, event: dict[str, Any]) -> None:
    """Crossed thresholds are not sent; saved ones are the event's own."""
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/thresholds")
    sure = page.locator(".tally dd").first
    before = sure.inner_text()
    page.fill("#maybe", "99")
    expect(page.locator("#crossed")).to_be_visible()
    page.fill("#maybe", "80")
    expect(page.locator("#crossed")).to_be_hidden()
    page.locator("[data-slides=sure]").fill("100")
    expect(page.locator("#sure")).to_have_value("100")
    expect(sure).to_have_text("0")
    page.fill("#sure", "90")
    expect(sure).to_have_text(before)
    page.fill("#sure", "91.5")
    page.click("text=Save for this event")
    expect(page.locator("[role=status]").first).to_contain_text("Saved.")
    expect(page.locator("#sure")).to_have_value("91.5")
    page.click("text=Back to the usual ones")
    expect(page.locator("#sure")).to_have_value("90.0")


def test_the_last_place_of_the_slider_counts(admin: Visit, event: dict[str, Any]) -> None:
    """However late the answer of an earlier one comes; and where none comes, that is said."""
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}/thresholds")
    sure = page.locator(".tally dd").first
    before = sure.inner_text()
    assert before != "0"
    late: list[Route] = []
    page.route("**/thresholds?sure=91*", lambda route: late.append(route))
    page.fill("#sure", "91")
    while not late:
        page.evaluate("document.readyState")
    page.fill("#sure", "100")
    expect(sure).to_have_text("0")
    with page.expect_event("requestfinished", lambda it: "sure=91" in it.url):
        late[0].continue_()
    # asked for, and answered, after it
    page.evaluate("fetch(location.href).then((it) => it.text())")
    expect(sure).to_have_text("0")
    page.route("**/thresholds?sure=92*", lambda route: route.abort())
    page.fill("#sure", "92")
    expect(page.locator("#toast")).to_have_text("That did not work. Try again.")


def test_the_bar_of_what_is_chosen_breaks_no_rule(
    browser: Browser, service: Service, event: dict[str, Any]
) -> None:
    """The pages themselves are looked at in test_browser_every_page.py."""
    with visiting(browser, service) as visit:
        sign_in(visit, service)
        visit.goto(f"/admin/events/{event['id']}/photos")
        visit.page.check("[name=ids] >> nth=0")
        for look in (Look(PHONE, "light"), Look(DESKTOP, "dark")):
            look.set_on(visit)
            # where the bar has its own place: further up it lies over tiles, as one scrolls
            visit.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            hold(visit, [look], "choosing")
            assert visit.overflow() <= 0


def test_a_photo_that_could_not_be_read_is_not_told_as_shown(
    admin: Visit, organiser: Organiser
) -> None:
    """Approved with another, it is named apart."""
    event = organiser.make_event("Unread", publish="after_approval")
    organiser.upload(event, "good.jpg", drawn(88))
    organiser.upload(event, "cut.jpg", drawn(89)[:-4000])
    page = admin.page
    admin.goto(f"/admin/events/{event['id']}")
    expect(page.locator(".tile .state", has_text="To approve")).to_have_count(1)
    expect(page.locator(".tile .state.failed")).to_have_count(1)
    admin.goto(f"/admin/events/{event['id']}/photos")
    page.click("text=Choose all here")
    page.click(".bulk >> text=Approve")
    expect(page.locator("#toast")).to_contain_text(
        "1 photo is shown. 1 photo has no picture that could be shown."
    )
