"""Pictures of all pages for the documents: `make screenshots` draws them anew.

What they show is the demo: drawn people at a drawn party. Each page at the width of a telephone
and of a desk, reduced to few colours, so that all of them together stay below 3 MB.
"""

import asyncio
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from findme import db, demo, drawing
from findme.demo import Demo
from tests.bench.archive import cluster
from tests.journeys.browser import DESKTOP, PHONE, Organiser, Visit, film, launched, visiting
from tests.service import Service, running_service

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
PASSWORD = "a long password"
#: A desk's picture is made smaller: what it shows is the page, not its letters.
WIDTHS = {PHONE: 390, DESKTOP: 960}
#: Bytes of one picture, and the colours that are tried until it has no more.
MOST = 105_000
COLOURS = (256, 160, 96, 64, 40, 24, 16)

#: What is seen by whom: file name and address; {event} and {code} are the demo's large event.
VISITOR = {"home": "/", "join": "/e/{code}", "login": "/login"}
GUEST = {
    "events": "/",
    "gallery": "/gallery?event={event}",
    "gallery-all": "/gallery?event={event}&tab=all",
    "maybe": "/gallery?event={event}&tab=maybe",
    "account": "/account",
}
ADMIN = {
    "admin-desk": "/admin",
    "admin-events": "/admin/events",
    "admin-event": "/admin/events/{event}",
    "admin-photos": "/admin/events/{event}/photos",
    "admin-faces": "/admin/events/{event}/faces",
    "admin-guests": "/admin/events/{event}/guests",
    "admin-jobs": "/admin/jobs",
}


@dataclass(frozen=True)
class Studio:
    """The demo, served."""

    service: Service
    made: Demo

    def path(self, pattern: str) -> str:
        """Return an address of the demo."""
        return pattern.format(event=self.made.event_id, code=self.made.code)


@contextmanager
def studio() -> Iterator[Studio]:
    """Fill a database with the demo and run the service on it."""
    with tempfile.TemporaryDirectory(prefix="findme-screenshots-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with cluster(folder / "cluster") as dsn:
            made = asyncio.run(_fill(dsn))
            settings = {"DATABASE_URL": dsn, "FACE_ENGINE": "embedded"}
            with running_service(folder / "data", settings=settings) as service:
                yield Studio(service, made)


async def _fill(dsn: str) -> Demo:
    async with db.open_pool(dsn, min_size=1, max_size=2) as pool:
        async with db.acquire(pool) as conn:
            await db.migrate(conn)
        return await demo.fill(pool, password=PASSWORD)


def keep(visit: Visit, name: str, size: tuple[int, int]) -> None:
    """Store what the window shows."""
    # pictures are decoded, fonts are there, nothing fades any more
    visit.page.evaluate(
        """async () => {
            const seen = [...document.images].filter((image) => image.checkVisibility()
                && image.getBoundingClientRect().top < innerHeight);
            await Promise.all([document.fonts.ready,
                ...seen.map((image) => image.decode().catch(() => null))]);
        }"""
    )
    with Image.open(io.BytesIO(visit.page.screenshot(animations="disabled"))) as shot:
        width = WIDTHS[size]
        height = round(shot.height * width / shot.width)
        picture = shot.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    for colours in COLOURS:
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MOST:
            break
    (FOLDER / f"{name}-{size[0]}.png").write_bytes(out.getvalue())


def sign_in(visit: Visit, email: str, password: str) -> None:
    """Sign in by the form."""
    visit.goto("/login")
    visit.page.fill("#email", email)
    visit.page.fill("#password", password)
    visit.page.press("#password", "Enter")
    visit.page.wait_for_url(lambda url: "/login" not in url)


def show_visitor(visit: Visit, at: Studio, size: tuple[int, int], wall: str) -> None:
    """Keep what anyone sees, the camera, and the wall."""
    for name, pattern in VISITOR.items():
        visit.goto(at.path(pattern))
        keep(visit, name, size)
    visit.goto(at.path("/e/{code}"))
    visit.page.fill("#name", "Camille")
    visit.page.fill("#email", "camille@demo.example")
    visit.page.fill("#password", PASSWORD)
    visit.page.check("#consent")
    visit.page.click("text=Prendre mon selfie")
    visit.page.wait_for_selector(".shutter")
    keep(visit, "selfie", size)
    visit.goto(wall)
    # a photo with people: the newest one may be of the cake
    visit.page.wait_for_selector("figure[data-photo] img[alt*=personne]")
    keep(visit, "wall", size)


def show_guest(visit: Visit, at: Studio, size: tuple[int, int]) -> None:
    """Keep a guest's pages, and one photo full screen."""
    sign_in(visit, at.made.guest_email, at.made.password)
    for name, pattern in GUEST.items():
        visit.goto(at.path(pattern))
        keep(visit, name, size)
    visit.goto(at.path(GUEST["gallery"]))
    visit.page.click(".tile >> nth=1")
    visit.page.wait_for_selector("#viewer[open]")
    keep(visit, "viewer", size)


def show_admin(visit: Visit, at: Studio, size: tuple[int, int]) -> None:
    """Keep an organiser's pages."""
    sign_in(visit, at.made.admin_email, at.made.password)
    for name, pattern in ADMIN.items():
        visit.goto(at.path(pattern))
        keep(visit, name, size)


def open_wall(visit: Visit, at: Studio) -> str:
    """Turn the large event's wall on; return its path."""
    login = {"email": at.made.admin_email, "password": at.made.password}
    answer = visit.context.request.post(f"{visit.url}/api/auth/login", data=login)
    organiser = Organiser(visit.context.request, at.service, answer.json()["token"])
    visit.context.clear_cookies()
    changed: dict[str, Any] = organiser.call(
        "PATCH", at.path("/api/admin/events/{event}"), data={"wall": True}
    )
    return "/wall/" + str(changed["wall_url"]).rpartition("/")[2]


def main() -> None:
    """Draw all pictures anew and say how much they weigh."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as name, studio() as at:
        selfie = Path(name) / "selfie.jpg"
        selfie.write_bytes(drawing.draw_selfie(0))
        with launched(film(selfie, Path(name) / "camera.mjpeg")) as browser:
            with visiting(browser, at.service) as visit:
                wall = open_wall(visit, at)
            for size in (PHONE, DESKTOP):
                with visiting(browser, at.service, size) as visit:
                    show_visitor(visit, at, size, wall)
                with visiting(browser, at.service, size) as visit:
                    show_guest(visit, at, size)
                with visiting(browser, at.service, size) as visit:
                    show_admin(visit, at, size)
    pictures = [*FOLDER.glob("*.png")]
    weight = sum(path.stat().st_size for path in pictures)
    print(f"{len(pictures)} pictures, {weight / 1e6:.1f} MB, in {FOLDER}")


if __name__ == "__main__":
    main()
