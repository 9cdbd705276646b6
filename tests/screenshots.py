"""Pictures of all pages for the documents: `make screenshots` draws them anew.

What they show is the demo: drawn people at a drawn party. Each page at the width of a telephone
and of a desk, reduced to few colours, so that all of them together stay below 4 MB.
"""

import asyncio
import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from findme import db
from findme.demo import generate
from findme.demo.generate import Demo
from findme.messaging import unsubscribe
from tests.bench.archive import cluster
from tests.support.browser import DESKTOP, PHONE, Visit, film, launched, visiting
from tests.support.drawing import scenes
from tests.support.screenshot_scenes import Exhibits, set_up
from tests.support.service import Service, running_service

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
PASSWORD = "a long password"
#: A desk's picture is made smaller: what it shows is the page, not its letters.
WIDTHS = {PHONE: 390, DESKTOP: 960}
#: Bytes of one picture, and the colours that are tried until it has no more.
MOST = 90_000
COLOURS = (256, 160, 96, 64, 40, 24, 16)

#: What is seen by whom: file name and address; the names in braces are those of Exhibits.
VISITOR = {
    "home": "/",
    "join": "/e/{code}",
    "join-name": "/e/{names}",
    "login": "/login",
    "forgotten": "/forgotten",
    "reset": "/reset/{reset}",
    "receipt": "/receipt/{receipt}",
}
GUEST = {
    "events": "/",
    "gallery": "/gallery?event={event}",
    "gallery-all": "/gallery?event={event}&tab=all",
    "maybe": "/gallery?event={event}&tab=maybe",
    "favourites": "/gallery?event={event}&tab=favourites",
    "photo": "/gallery/{photo}?event={event}",
    "report": "/gallery/{photo}/report?event={event}",
    "account": "/account",
    "erase": "/account/erase",
    "key-ask": "/k/{key}",
}
#: By name alone, with a link as the key.
NAMED = {"key-account": "/account"}
ADMIN = {
    "admin-desk": "/admin",
    "admin-events": "/admin/events",
    "admin-event": "/admin/events/{event}",
    "admin-choices": "/admin/events/{event}/choices",
    "admin-card": "/admin/events/{event}/card",
    "admin-photographers": "/admin/events/{event}/photographers",
    "admin-photos": "/admin/events/{event}/photos",
    "admin-photo": "/admin/events/{event}/photos/{close}",
    "admin-reports": "/admin/events/{event}/reports",
    "admin-faces": "/admin/events/{event}/faces",
    "admin-group": "/admin/events/{event}/faces/{group}",
    "admin-guests": "/admin/events/{event}/guests",
    "admin-guest": "/admin/events/{event}/guests/{guest}",
    "admin-thresholds": "/admin/events/{event}/thresholds",
    "admin-jobs": "/admin/jobs",
    "admin-job": "/admin/jobs/{job}",
    "admin-audit": "/admin/audit",
    "admin-webhooks": "/admin/webhooks",
    "admin-webhook": "/admin/webhooks/{webhook}",
}
#: What takes a step or two to be seen.
STAGED = ("selfie", "wall", "viewer")
PAGES = (*VISITOR, *GUEST, *NAMED, *ADMIN, *STAGED)


@dataclass(frozen=True)
class Studio:
    """The demo, served."""

    service: Service
    made: Demo
    #: What proves that its bearer received a mail about the demo's event.
    leave: str


@contextmanager
def studio() -> Iterator[Studio]:
    """Fill a database with the demo and run the service on it."""
    with tempfile.TemporaryDirectory(prefix="findme-screenshots-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with cluster(folder / "cluster") as dsn:
            made, leave = asyncio.run(_fill(dsn))
            settings = {"DATABASE_URL": dsn, "FACE_ENGINE": "embedded"}
            with running_service(folder / "data", settings=settings) as service:
                yield Studio(service, made, leave)


async def _fill(dsn: str) -> tuple[Demo, str]:
    async with db.open_pool(dsn, min_size=1, max_size=2) as pool:
        async with db.acquire(pool) as conn:
            await db.migrate(conn)
        made = await generate.fill(pool, password=PASSWORD)
        async with db.acquire(pool) as conn:
            guest_id = await conn.fetchval(
                "select min(id) from guest where event_id = $1", made.event_id
            )
            return made, await unsubscribe.token_of(conn, guest_id)


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


def show(visit: Visit, pages: Mapping[str, str], shown: Exhibits, size: tuple[int, int]) -> None:
    """Keep one page after the other."""
    for name, pattern in pages.items():
        answer = visit.page.goto(visit.url + pattern.format_map(asdict(shown)))
        assert answer is not None
        assert answer.ok, f"{name}: {answer.status} {answer.text()}"
        keep(visit, name, size)


def show_visitor(visit: Visit, shown: Exhibits, size: tuple[int, int]) -> None:
    """Keep what anyone sees, the camera, and the wall."""
    show(visit, VISITOR, shown, size)
    visit.goto(f"/e/{shown.code}")
    visit.page.fill("#name", "Camille")
    visit.page.fill("#email", "camille@demo.example")
    visit.page.fill("#password", PASSWORD)
    visit.page.check("#consent")
    visit.page.click("text=Prendre mon selfie")
    visit.page.wait_for_selector(".shutter")
    keep(visit, "selfie", size)
    visit.goto(f"/wall/{shown.wall}")
    # a photo with people: the newest one may be of the cake
    visit.page.wait_for_selector("figure[data-photo] img[alt*=personne]")
    keep(visit, "wall", size)


def show_guest(visit: Visit, at: Studio, shown: Exhibits, size: tuple[int, int]) -> None:
    """Keep a guest's pages, and one photo full screen."""
    sign_in(visit, at.made.guest_email, at.made.password)
    show(visit, GUEST, shown, size)
    visit.goto(f"/gallery?event={shown.event}")
    visit.page.click(".tile >> nth=1")
    visit.page.wait_for_selector("#viewer[open]")
    keep(visit, "viewer", size)


def main() -> None:
    """Draw all pictures anew and say how much they weigh."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as name, studio() as at:
        selfie = Path(name) / "selfie.jpg"
        selfie.write_bytes(scenes.draw_selfie(0))
        with launched(film(selfie, Path(name) / "camera.mjpeg")) as browser:
            with visiting(browser, at.service) as visit:
                shown = set_up(visit, at.made)
            for size in (PHONE, DESKTOP):
                with visiting(browser, at.service, size) as visit:
                    show_visitor(visit, shown, size)
                with visiting(browser, at.service, size) as visit:
                    show_guest(visit, at, shown, size)
                with visiting(browser, at.service, size) as visit:
                    visit.goto(f"/k/{shown.key}")
                    visit.page.click("form button.main")
                    visit.page.wait_for_url("**/gallery?event=*")
                    show(visit, NAMED, shown, size)
                with visiting(browser, at.service, size) as visit:
                    sign_in(visit, at.made.admin_email, at.made.password)
                    show(visit, ADMIN, shown, size)
    pictures = [*FOLDER.glob("*.png")]
    weight = sum(path.stat().st_size for path in pictures)
    print(f"{len(pictures)} pictures, {weight / 1e6:.1f} MB, in {FOLDER}")


if __name__ == "__main__":
    main()
