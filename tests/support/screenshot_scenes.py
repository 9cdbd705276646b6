"""What happens at the demo before its pictures are taken, and where to look at it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from findme.demo.generate import DOMAIN, Demo
from tests.support.browser import Visit
from tests.support.drawing import scenes

#: What one photographer's computer said last.
WATCHER = {
    "backlog": 14,
    "backlog_bytes": 96_400_000,
    "bytes_per_s": 4_200_000,
    "sent": 73,
    "there": 2,
    "refused": 1,
    "errors": 1,
    "clock_ahead_s": 61,
    "last_error": "DSC_7001.NEF: The picture is damaged or cut off.",
}


@dataclass(frozen=True)
class Exhibits:
    """Parts of addresses of the demo's pages."""

    event: int
    code: str
    #: The event where a name is enough.
    names: str
    wall: str
    receipt: str
    key: str
    reset: str
    photo: str
    close: str
    group: str
    guest: str
    job: str
    webhook: str


def signed_in(visit: Visit, made: Demo, email: str) -> Callable[..., Any]:
    """Sign somebody in at the API; return what calls it as them."""
    answer = visit.context.request.post(
        f"{visit.url}/api/auth/login", data={"email": email, "password": made.password}
    )
    assert answer.ok, answer.text()
    visit.context.clear_cookies()
    return bearer(visit, answer.json()["token"])


def bearer(visit: Visit, token: str) -> Callable[..., Any]:
    """Return what calls the API with a token."""

    def call(method: str, path: str, **options: Any) -> Any:
        answer = visit.context.request.fetch(
            visit.url + path,
            method=method,
            headers={"Authorization": f"Bearer {token}", **options.pop("headers", {})},
            **options,
        )
        assert answer.ok, f"{method} {path}: {answer.status} {answer.text()}"
        return answer.json() if answer.body() else None

    return call


def set_up(visit: Visit, made: Demo) -> Exhibits:
    """Let guests and organisers do what the pictures show."""
    admin = signed_in(visit, made, made.admin_email)
    guest = signed_in(visit, made, made.guest_email)
    event = f"/api/admin/events/{made.event_id}"
    wall = admin("PATCH", event, data={"wall": True})["wall_url"]
    photos = guest("GET", f"/api/my-photos?event={made.event_id}&limit=12")
    for photo in photos[1:6]:
        guest("PUT", f"/api/photos/{photo['id']}/favourite")
    for photo, reason, note in (
        (photos[2], "of_me", "Je préfère que celle-ci ne soit pas montrée."),
        (photos[4], "private", ""),
    ):
        guest("POST", f"/api/photos/{photo['id']}/report", data={"reason": reason, "note": note})
    watcher = admin("POST", f"{event}/tokens", data={"label": "Ana Moreau"})["token"]
    bearer(visit, watcher)("POST", "/api/upload-token/report", data=WATCHER)
    webhook = admin(
        "POST",
        "/api/admin/webhooks",
        data={"url": f"https://hooks.{DOMAIN}/findme", "topics": ["event.created", "photo.ready"]},
    )["id"]
    admin("POST", f"/api/admin/webhooks/{webhook}/test")
    names, key = _by_name(visit, admin)
    receipt = _receipt(visit, admin, made)
    _go_on(admin)
    listed = admin("GET", f"{event}/guest-list")
    return Exhibits(
        event=made.event_id,
        code=made.code,
        names=names,
        wall=_last(wall),
        receipt=receipt,
        key=key,
        reset=_last(admin("POST", f"/api/admin/users/{listed[-1]['user_id']}/reset-link")["url"]),
        photo=photos[1]["id"],
        close=admin("GET", f"{event}/contact-sheet?view=missed")[0]["id"],
        group=admin("GET", f"{event}/group-faces")[0]["group_id"],
        guest=listed[0]["user_id"],
        job=admin("GET", "/api/admin/queue/jobs?state=failed")[0]["id"],
        webhook=webhook,
    )


def _by_name(visit: Visit, admin: Callable[..., Any]) -> tuple[str, str]:
    """Open the third event to names alone, and let somebody in; return its code and their key."""
    fair = next(each for each in admin("GET", "/api/admin/events") if each["name"].startswith("Fê"))
    admin(
        "PATCH",
        f"/api/admin/events/{fair['id']}",
        data={"accounts": "optional", "browse": True, "accent": "#7a3b69"},
    )
    answer = visit.context.request.post(
        f"{visit.url}/api/events/{fair['code']}/browse", data={"name": "Margaux"}
    )
    assert answer.ok, answer.text()
    visit.context.clear_cookies()
    return str(fair["code"]), _last(answer.json()["key_url"])


def _go_on(admin: Callable[..., Any]) -> None:
    """Let the second event go on now, so that the desk has something to tell."""
    gala = next(each for each in admin("GET", "/api/admin/events") if each["name"].startswith("Ga"))
    for number in range(12):
        drawn = scenes.draw_group(9000 + number, "dance", (number % 9,), 900, 600)
        taken = datetime.now(UTC) - timedelta(seconds=20 + 5 * number)
        exif = Image.Exif()
        exif.get_ifd(IFD.Exif).update(
            {
                Base.DateTimeOriginal: f"{taken:%Y:%m:%d %H:%M:%S}",
                Base.OffsetTimeOriginal: "+00:00",
            }
        )
        out = BytesIO()
        with Image.open(BytesIO(drawn.jpeg)) as picture:
            picture.save(out, "JPEG", exif=exif)
        admin(
            "POST",
            f"/api/events/{gala['id']}/photos?filename=DSC_70{number:02}.JPG",
            data=out.getvalue(),
            headers={"Content-Type": "image/jpeg"},
        )


def _receipt(visit: Visit, admin: Callable[..., Any], made: Demo) -> str:
    """Let a guest of the large event leave with their face; return the receipt's token."""
    listed = admin("GET", f"/api/admin/events/{made.event_id}/guest-list")
    leaving = next(each for each in listed if each["email"] != made.guest_email)
    answer = visit.context.request.post(
        f"{visit.url}/api/auth/login",
        data={"email": leaving["email"], "password": made.password},
    )
    gone = visit.context.request.delete(
        f"{visit.url}/api/me",
        headers={"Authorization": f"Bearer {answer.json()['token']}"},
    )
    assert gone.status == 204, gone.text()
    visit.context.clear_cookies()
    return _last(gone.headers["location"])


def _last(address: str) -> str:
    return address.rpartition("/")[2]
