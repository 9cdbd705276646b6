"""The open gallery in a real browser: photos arrive, and the guest has the last word on them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import Organiser, Visit, join, visiting
from tests.support.pictures import dated, drawn, labelled
from tests.support.service import Service, running_service

#: More photos than a page of the gallery has.
LONG = 63
WHOLE = """(event) => fetch(`/api/all-photos?event=${event}&limit=1000`).then((a) => a.json())"""
GONE = "Photo retirée de vos photos."


@pytest.fixture(scope="module")
def service(scratch: Path) -> Iterator[Service]:
    """A service without query expansion, which would settle uncertain faces meanwhile."""
    with running_service(scratch / "live", settings={"FACE_QUERY_EXPANSION": "off"}) as started:
        yield started


def photos_of_one(count: int) -> tuple[str, list[bytes]]:
    """Return somebody of the labelled set who is on so many photos, and the photos."""
    photos = labelled()
    name = "obama" if "obama" in photos.selfies else next(iter(photos.selfies))
    theirs = [path for path, people in sorted(photos.people.items()) if name in people]
    return name, [path.read_bytes() for path in theirs[:count]]


def gallery_with_photos(
    guest: Visit, organiser: Organiser, email: str, count: int
) -> dict[str, Any]:
    """Bring a guest into an event with photos of them, and wait until they are found."""
    event = organiser.make_event("Soirée")
    name, pictures = photos_of_one(count)
    for number, picture in enumerate(pictures):
        organiser.upload(event, f"{number}.jpg", picture)
    join(guest, event["code"], email, labelled().selfies[name])
    expect(guest.page.locator(".tile")).to_have_count(count)
    guest.page.wait_for_load_state()
    return event


def test_photos_come_by_the_stream_without_a_question(guest: Visit, organiser: Organiser) -> None:
    """The page asks for no counts; what it shows is pushed to it, and the numbers are true."""
    name, pictures = photos_of_one(2)
    event = organiser.make_event("Direct")
    organiser.upload(event, "first.jpg", pictures[0])
    page = guest.page
    join(guest, event["code"], "stream", labelled().selfies[name])
    expect(page.locator(".tile")).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    organiser.upload(event, "scene.jpg", drawn(31))
    organiser.upload(event, "second.jpg", pictures[1])
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".tile >> nth=0").locator(".tag")).to_have_text("À l’instant")
    expect(page.locator("[data-title-count]")).to_have_text("2")
    expect(page.locator("[data-count=all]")).to_have_text("3")
    expect(page.locator("[data-take] span")).to_have_text("Télécharger mes 2 photos")
    assert [url for url in asked if "/gallery/counts" in url] == []


def test_how_far_the_search_is_agrees_with_its_figures(guest: Visit, organiser: Organiser) -> None:
    """As the server writes it, and as the script does when another photo comes."""
    name, pictures = photos_of_one(2)
    event = organiser.make_event("Recherche")
    sentence = guest.page.locator("[data-progress]")
    # a stream tells of photos that have pictures; a page without one asks
    guest.page.route("**/stream", lambda route: route.fulfill(status=502, body="no"))
    organiser.call("POST", "/api/admin/queue/pause")
    try:
        for number, picture in enumerate(pictures):
            organiser.upload(event, f"{number}.jpg", picture)
        join(guest, event["code"], "figures", labelled().selfies[name])
        expect(sentence).to_have_text("0 photo sur 2 parcourue")
        organiser.upload(event, "scene.jpg", drawn(33))
        expect(sentence).to_have_text("0 photo sur 3 parcourue")
    finally:
        organiser.call("POST", "/api/admin/queue/resume")
    expect(sentence).to_contain_text("Tout est parcouru")


def test_without_the_stream_the_page_asks(guest: Visit, organiser: Organiser) -> None:
    """Where a proxy refuses the stream, polling brings the same."""
    name, pictures = photos_of_one(2)
    event = organiser.make_event("Sans flux")
    organiser.upload(event, "first.jpg", pictures[0])

    def refuse(route: Route) -> None:
        route.fulfill(status=502, body="no")

    guest.page.route("**/stream", refuse)
    join(guest, event["code"], "polling", labelled().selfies[name])
    expect(guest.page.locator(".tile")).to_have_count(1)
    organiser.upload(event, "second.jpg", pictures[1])
    expect(guest.page.locator(".tile")).to_have_count(2)


def test_who_reads_further_down_is_not_disturbed(guest: Visit, organiser: Organiser) -> None:
    """New photos wait behind a button; it shows them and goes to the top."""
    event = organiser.make_event("Défilé")
    for number in range(30):
        organiser.upload(event, f"{number}.jpg", drawn(300 + number, 160, 200))
    page = guest.page
    join(guest, event["code"], "reader", next(iter(labelled().selfies.values())))
    guest.goto(f"/gallery?event={event['id']}&tab=all")
    expect(page.locator("[data-count=all]")).to_have_text("30")
    expect(page.locator(".tile")).to_have_count(30)
    page.evaluate("scrollTo(0, 600)")
    organiser.upload(event, "new.jpg", drawn(400))
    expect(page.get_by_role("status").locator("[data-fresh]")).to_have_text("1 nouvelle photo")
    expect(page.locator(".tile")).to_have_count(30)
    assert page.evaluate("scrollY") > 500
    page.click("[data-fresh]")
    expect(page.locator(".tile")).to_have_count(31)
    expect(page.locator("[data-fresh]")).to_be_hidden()


def all_photos(guest: Visit, organiser: Organiser, count: int) -> dict[str, Any]:
    """Open the gallery of so many photos, with nothing on its way to it."""
    event = organiser.make_event("Calme", browse=True, accounts="optional")
    for number in range(count):
        organiser.upload(event, f"{number}.jpg", drawn(900 + number, 160, 200))
    organiser.wait_for_jobs()
    page = guest.page
    guest.goto(f"/e/{event['code']}")
    page.click("text=Voir la galerie sans selfie")
    page.wait_for_url("**tab=all")
    reload_until(page, count)
    page.evaluate("document.documentElement.dataset.same = 'yes'")
    return event


def reload_until(page: Page, count: int) -> None:
    """Reload a gallery until the server renders it with so many photos: none is on its way."""
    main = page.locator("main[data-gallery]")
    while f'"all": {count},' not in str(main.get_attribute("data-counts")):
        page.reload()
    page.wait_for_load_state()


def test_nothing_moves_under_the_thumb_of_who_scrolls_meanwhile(
    guest: Visit, organiser: Organiser
) -> None:
    """What was on its way when they were still at the top waits behind the button."""
    event = all_photos(guest, organiser, 30)
    page = guest.page

    def scroll_first(route: Route) -> None:
        page.evaluate("scrollTo(0, 600)")
        route.continue_()

    page.route("**/api/all-photos?*", scroll_first, times=1)
    organiser.upload(event, "new.jpg", drawn(401))
    expect(page.locator("[data-fresh]")).to_have_text("1 nouvelle photo")
    expect(page.locator(".tile")).to_have_count(30)
    page.click("[data-fresh]")
    expect(page.locator(".tile")).to_have_count(31)


def test_a_photo_that_is_open_stays_open(guest: Visit, organiser: Organiser) -> None:
    """Even where so much has come that the grid can only begin anew."""
    event = all_photos(guest, organiser, LONG)
    page = guest.page

    def open_first(route: Route) -> None:
        page.click(".tile >> nth=0")
        # a page of the list that is new from top to bottom
        route.continue_(url=re.sub(r"limit=\d+", "limit=1", route.request.url))

    page.route("**/api/all-photos?*", open_first, times=1)
    organiser.upload(event, "new.jpg", drawn(402))
    expect(page.locator("[data-fresh]")).to_have_text("1 nouvelle photo")
    expect(page.locator("#viewer")).to_be_visible()
    assert page.locator("html").get_attribute("data-same") == "yes"


def test_a_page_that_comes_back_listens_once(guest: Visit, organiser: Organiser) -> None:
    """A browser tells a page from its cache twice that it is there again."""
    guest.page.add_init_script("""
        window.streams = [];
        window.EventSource = class extends EventSource {
            constructor(url) { super(url); window.streams.push(this); }
        };
    """)
    all_photos(guest, organiser, 1)
    open_streams = guest.page.evaluate("""() => {
        dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
        document.dispatchEvent(new Event("visibilitychange"));
        dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
        return window.streams.filter(({ readyState }) => readyState !== EventSource.CLOSED).length;
    }""")
    assert open_streams == 1


def test_a_late_photo_goes_where_it_was_taken(guest: Visit, organiser: Organiser) -> None:
    """Beyond the first page too, without a reload; the next page asks for nothing twice."""
    event = organiser.make_event("Deux appareils")
    today = datetime.now(UTC).strftime("%Y:%m:%d")
    for number in range(LONG):
        picture = dated(500 + number, f"{today} 00:{number % 60:02}:{number // 60:02}", 160, 200)
        organiser.upload(event, f"{number}.jpg", picture)
    page = guest.page
    join(guest, event["code"], "late", next(iter(labelled().selfies.values())))
    organiser.wait_for_jobs()
    guest.goto(f"/gallery?event={event['id']}&tab=all")
    reload_until(page, LONG)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(".tile")).to_have_count(LONG)
    page.evaluate("document.documentElement.dataset.same = 'yes'; scrollTo(0, 0)")

    organiser.upload(event, "late.jpg", dated(600, f"{today} 00:00:30", 160, 200))
    expect(page.locator(".tile")).to_have_count(LONG + 1)

    listed = page.evaluate(WHOLE, str(event["id"]))
    assert [photo["filename"] for photo in listed].index("late.jpg") == LONG - 2
    shown = page.eval_on_selector_all(".tile", "(tiles) => tiles.map(({ id }) => id)")
    assert shown == [f"photo-{photo['id']}" for photo in listed]
    assert page.locator("html").get_attribute("data-same") == "yes"
    expect(page.locator(".hour")).to_have_count(1)


def test_the_notice_of_a_late_photo_leads_to_it(guest: Visit, organiser: Organiser) -> None:
    """By its time it stands far below the newest; the notice scrolls there and not to the top."""
    event = organiser.make_event("En retard")
    today = datetime.now(UTC).strftime("%Y:%m:%d")
    for number in range(30):
        picture = dated(700 + number, f"{today} 00:{number:02}:00", 160, 200)
        organiser.upload(event, f"{number}.jpg", picture)
    page = guest.page
    join(guest, event["code"], "notice", next(iter(labelled().selfies.values())))
    organiser.wait_for_jobs()
    # away from the top before anything is told to the page: there, photos come by themselves
    page.add_init_script("addEventListener('DOMContentLoaded', () => scrollTo(0, 100))")
    guest.goto(f"/gallery?event={event['id']}&tab=all")
    reload_until(page, 30)
    assert page.evaluate("scrollY") == 100
    organiser.upload(event, "late.jpg", dated(800, f"{today} 00:00:30", 160, 200))
    page.click("[data-fresh]")
    late = page.locator(".tile >> nth=29")
    expect(late).to_have_attribute("data-about", re.compile("^late.jpg"))
    expect(late).to_be_focused()
    expect(late).to_be_in_viewport()


def test_not_me_can_be_taken_back(guest: Visit, organiser: Organiser) -> None:
    """N puts a photo aside and shows the next; Undo brings it back to its place."""
    gallery_with_photos(guest, organiser, "aside", 3)
    page = guest.page
    first = page.locator(".tile >> nth=0").get_attribute("id")
    page.click(".tile >> nth=0")
    page.keyboard.press("n")
    expect(page.locator("#toast")).to_contain_text(GONE)
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator("#viewer .count")).to_have_text(re.compile("^1 sur"))
    page.click("#toast button")
    expect(page.locator(".tile")).to_have_count(3)
    assert page.locator(".tile >> nth=0").get_attribute("id") == first
    page.keyboard.press("i")
    expect(page.locator("#about")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()


def test_not_me_can_be_taken_back_after_the_viewer_has_closed(
    guest: Visit, organiser: Organiser
) -> None:
    """By hand, or by itself with the last photo: then the focus is on the title."""
    gallery_with_photos(guest, organiser, "closing", 2)
    page = guest.page
    page.click(".tile >> nth=0")
    page.keyboard.press("n")
    expect(page.locator("#toast")).to_contain_text(GONE)
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    page.click("#toast button")
    expect(page.locator(".tile")).to_have_count(2)

    page.click(".tile >> nth=0")
    for left in (1, 0):
        page.keyboard.press("n")
        expect(page.locator(".tile")).to_have_count(left)
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("h1")).to_be_focused()
    page.click("#toast button")
    expect(page.locator(".tile")).to_have_count(1)


def test_a_photo_has_an_address(guest: Visit, organiser: Organiser) -> None:
    """The viewer's address opens the photo's own page; keys turn it, Close leads to its tile."""
    event = gallery_with_photos(guest, organiser, "address", 2)
    page = guest.page
    page.click(".tile >> nth=0")
    address = page.url
    assert re.search(r"/gallery/\d+\?", address)
    page.goto(address)
    expect(page.locator("h1")).to_have_text("1 sur 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator("h1")).to_have_text("2 sur 2")
    # keys are heard once the page's script is there
    page.wait_for_load_state()
    page.keyboard.press("n")
    expect(page.locator("footer [role=status]")).to_have_text(GONE)
    page.click("text=Annuler")
    expect(page.locator("footer [role=status]")).to_have_count(0)
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    page.wait_for_url("**/gallery?event=*")
    guest.goto(f"/gallery/999999?event={event['id']}")
    expect(page.locator("h1")).to_have_text("Il n’y a rien ici.")


def test_chosen_photos_are_taken_along(guest: Visit, organiser: Organiser) -> None:
    """The dock counts what is chosen, by taps or Space, and downloads just that."""
    event = gallery_with_photos(guest, organiser, "choosing", 3)
    page = guest.page
    with page.expect_download() as everything:
        page.click("[data-take]")
    assert everything.value.suggested_filename.endswith(".zip")
    page.click("[data-choose]")
    page.click(".tile >> nth=1")
    expect(page.locator("[data-take] span")).to_have_text("Télécharger 1 photo")
    page.locator(".tile >> nth=2").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-take] span")).to_have_text("Télécharger 2 photos")
    chosen = [(page.locator(f".tile >> nth={n}").get_attribute("id") or "")[6:] for n in (1, 2)]
    wanted = f"/api/my-photos.zip?event={event['id']}&ids={','.join(chosen)}"
    assert page.locator("[data-take]").get_attribute("href") == wanted
    page.click("[data-unchoose]")
    expect(page.locator("[data-take] span")).to_have_text("Télécharger mes 3 photos")


def test_photos_that_come_while_some_are_chosen_can_be_chosen(
    guest: Visit, organiser: Organiser
) -> None:
    """A further page of the shelf is a page of checkboxes at once."""
    event = gallery_with_photos(guest, organiser, "further", 2)
    page = guest.page
    source = f"/api/my-photos?event={event['id']}&shelf=sure"
    older = f'<div class="more"><a href="#" data-more="{source}">Plus</a></div></main>'

    def paged(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("</main>", older))

    def choose_first(route: Route) -> None:
        page.evaluate("document.querySelector('.tile:last-of-type').remove()")
        page.click("[data-choose]")
        route.continue_()

    # numbers that come would show all tiles anew
    page.route("**/stream", lambda route: route.abort())
    page.route("**/gallery/counts?*", lambda route: route.abort())
    # a page of the shelf is longer than a test has photos for
    page.route("**/gallery?*", paged)
    page.route("**/api/my-photos?*", choose_first)
    page.reload()
    expect(page.locator("[data-more]")).to_have_count(0)
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".tile[role=checkbox][aria-checked=false]")).to_have_count(2)


def test_a_photo_is_shared_by_its_link_where_there_is_no_sheet(
    guest: Visit, organiser: Organiser
) -> None:
    """Without a share sheet S copies the photo's address."""
    gallery_with_photos(guest, organiser, "sharing", 1)
    guest.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = guest.page
    page.evaluate("delete Navigator.prototype.share; delete Navigator.prototype.canShare;")
    page.click(".tile")
    page.keyboard.press("s")
    expect(page.locator("#toast")).to_have_text("Lien copié.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def uncertain(guest: Visit, organiser: Organiser, email: str, count: int) -> dict[str, Any]:
    """Bring a guest into an event whose organiser takes only perfect matches as sure."""
    event = gallery_with_photos(guest, organiser, email, count)
    organiser.call("PATCH", f"/api/admin/events/{event['id']}", data={"match_threshold": 100})
    guest.goto(f"/gallery?event={event['id']}&tab=maybe")
    return event


def test_uncertain_faces_are_settled_by_keys(guest: Visit, organiser: Organiser) -> None:
    """Yes, no, and taking it back: one face a screen, the focus on the question."""
    event = uncertain(guest, organiser, "keys", 3)
    page = guest.page
    expect(page.locator("[data-place]")).to_have_text("1 sur 3")
    expect(page.locator(".pic .face")).to_be_visible()
    expect(page.locator(".beside img")).to_be_visible()
    # the server has drawn the question; a key counts once the script has the list
    expect(page.locator("[data-maybe]")).to_have_attribute("data-keys", "on")
    page.keyboard.press("o")
    expect(page.locator("#toast")).to_contain_text("Photo ajoutée aux vôtres.")
    expect(page.locator("[data-place]")).to_have_text("2 sur 3")
    expect(page.locator("h1")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("[data-place]")).to_have_text("3 sur 3")
    page.click("#toast button")
    expect(page.locator("[data-place]")).to_have_text("2 sur 3")
    page.keyboard.press("y")
    expect(page.locator("[data-place]")).to_have_text("3 sur 3")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-settled] h2")).to_have_text("C’est réglé")
    expect(page.locator("[data-added]")).to_have_text("2 photos ajoutées aux vôtres.")
    guest.goto(f"/gallery?event={event['id']}")
    expect(page.locator("[data-count=mine]")).to_have_text("2")
    expect(page.locator("[data-wash]")).to_contain_text("1 visage à confirmer")


def questions(guest: Visit, event: dict[str, Any]) -> list[str]:
    """Return the ids of the photos that are asked about, in their order."""
    answer = guest.page.request.get(f"{guest.url}/api/my-photos?event={event['id']}&shelf=maybe")
    return [photo["id"] for photo in answer.json()]


def call(guest: Visit, method: str, path: str) -> None:
    """Ask the API as the guest's page does."""
    origin = {"Origin": guest.url}
    answer = guest.page.request.fetch(guest.url + path, method=method, headers=origin)
    assert answer.ok, answer.text()


def meanwhile(guest: Visit, method: str, path: str) -> None:
    """Call the API between the page of questions and its list."""

    def first(route: Route) -> None:
        call(guest, method, path)
        route.continue_()

    guest.page.route("**/api/my-photos?*", first, times=1)


def test_the_answer_is_about_the_photo_on_the_screen(guest: Visit, organiser: Organiser) -> None:
    """Whatever came before it, or took it away, while the page was on its way."""
    event = uncertain(guest, organiser, "screen", 3)
    page = guest.page
    shelf = f"/gallery?event={event['id']}&tab=maybe"
    newest, drawn, last = questions(guest, event)
    aside = f"/api/photos/{newest}/not-me"
    call(guest, "POST", aside)
    meanwhile(guest, "DELETE", aside)
    guest.goto(shelf)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".pic img")).to_have_attribute("src", re.compile(f"/{drawn}\\?"))
    with page.expect_request("**/not-me") as answered:
        page.keyboard.press("n")
    assert f"/{drawn}/" in answered.value.url
    expect(page.locator(".pic img")).to_have_attribute("src", re.compile(f"/{newest}\\?"))

    meanwhile(guest, "POST", aside)
    guest.goto(shelf)
    expect(page.locator(".pic img")).to_have_attribute("src", re.compile(f"/{last}\\?"))
    with page.expect_request("**/not-me") as answered:
        page.keyboard.press("n")
    assert f"/{last}/" in answered.value.url


def test_questions_go_on_beyond_the_first_page_of_them(guest: Visit, organiser: Organiser) -> None:
    """Nothing is settled while the server has more; the place counts all of them."""
    event = uncertain(guest, organiser, "pages", 3)
    page = guest.page
    first = re.compile(r"limit=\d+")
    page.route(
        "**/api/my-photos?*",
        lambda route: route.continue_(url=first.sub("limit=1", route.request.url)),
    )
    guest.goto(f"/gallery?event={event['id']}&tab=maybe")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("n")
    expect(page.locator("[data-place]")).to_have_text("2 sur 3")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-place]")).to_have_text("3 sur 3")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-settled]")).to_be_visible()


def test_uncertain_faces_are_settled_without_scripts(
    browser: Browser, service: Service, guest: Visit, organiser: Organiser
) -> None:
    """Forms answer, a link skips."""
    event = uncertain(guest, organiser, "forms", 2)
    with visiting(browser, service, scripts=False) as visit:
        visit.context.add_cookies(guest.context.cookies())  # type: ignore[arg-type]  # given and taken types differ
        visit.goto(f"/gallery?event={event['id']}&tab=maybe")
        visit.page.click("text=Non, c’est quelqu’un d’autre")
        expect(visit.page.locator("[data-place]")).to_have_text("1 sur 1")
        visit.page.click("text=passer")
        expect(visit.page.locator("h1")).to_have_text("C’est réglé")
        visit.goto(f"/gallery?event={event['id']}&tab=maybe")
        # last, for a face that was confirmed looks for others by itself
        visit.page.click("text=Oui, c’est moi")
        expect(visit.page.locator("h1")).to_have_text("Rien à vérifier")
        visit.goto(f"/gallery?event={event['id']}")
        expect(visit.page.locator("[data-count=mine]")).to_have_text("1")
