"""An event with something of each kind, and everybody who may come to look at it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from findme import db, queue
from findme.accounts import confirmations
from findme.messaging import unsubscribe as unsubscribing
from findme.models import EventId, GuestId, JobKind, UserId
from tests.support.helpers import bearer, make_event, make_token, member
from tests.support.rights import (
    ADMIN,
    BROWSER,
    FOUND,
    GUEST,
    MEMBERS,
    NAMED,
    NOBODY,
    OUTSIDER,
    PHOTOGRAPHER,
    STRANGER,
    who_may,
)
from tests.support.scripted_engine import picture
from tests.support.scripted_event import ScriptedEvent


@dataclass(frozen=True, slots=True)
class RightsFixture:
    """An event with something of each kind, and who comes to look at it."""

    headers: Mapping[str, Mapping[str, str]]
    #: The cookie's value of an admin's session.
    admin_token: str
    #: By the name in the route's path, or by the whole route where the name means something else.
    names: Mapping[str, str]
    queries: Mapping[str, Mapping[str, str]]
    #: Photos that guests do not see: hidden, and waiting for approval.
    unseen: tuple[str, str]

    def path(self, route: str) -> str:
        """Return a route's address with the ids of this event."""
        path = route.partition(" ")[2]
        for name in _names_of(path):
            prefix = path.partition(f"{{{name}}}")[0].rstrip("/")
            value = self.names.get(f"{prefix}/{{{name}}}") or self.names[name]
            path = path.replace(f"{{{name}}}", value, 1)
        return path

    def query(self, route: str) -> Mapping[str, str]:
        """Return what a route is asked with."""
        return self.queries.get(route, {})


def _names_of(path: str) -> list[str]:
    return [piece.partition("}")[0] for piece in path.split("{")[1:]]


async def fill(builder: ScriptedEvent) -> RightsFixture:
    """Fill the event with something of each kind."""
    app, pool, event_id = builder.app, builder.pool, builder.event_id
    await builder.set_columns(accounts="optional", browse=True, wall_token="a-wall-of-photos")
    named = await builder.join_by_name(3)
    browser = await builder.browse(name="Ben")
    await builder.set_columns(admission="approval")
    await builder.join(4)
    await builder.set_columns(admission="open")
    photographer = await make_token(app, {"id": event_id})
    elsewhere = await make_event(app, "Elsewhere")
    stranger = await member(pool, elsewhere, "stranger@example.org")
    sent = await builder.call(
        "POST",
        f"/api/events/{event_id}/photos",
        {**photographer, "Content-Type": "image/jpeg"},
        params={"filename": "sent.jpg"},
        data=io.BytesIO(picture(1, 3, serial=900)),
    )
    verdict = (await sent.json())["results"][0]
    hidden, waiting = await builder.upload(1, 3), await builder.upload(1)
    await app.drain()
    await pool.execute(
        """
        update photo set review = case id when $1 then 'hidden' else 'waiting' end
         where id in ($1, $2)""",
        int(hidden),
        int(waiting),
    )
    guest = builder.headers(1)
    newcomers = await _json(builder, f"/api/admin/events/{event_id}/waiting", app.admin)
    await _ask(builder, "PUT", f"/api/admin/events/{event_id}/cover", app.admin, data=_cover())
    groups = await _json(builder, f"/api/admin/events/{event_id}/group-faces", app.admin)
    selfies = await _json(builder, f"/api/me/events/{event_id}/selfies", guest)
    report = await _ask(
        builder,
        "POST",
        f"/api/photos/{verdict['photo_id']}/report",
        guest,
        json={"reason": "other"},
    )
    webhook = await _ask(
        builder,
        "POST",
        "/api/admin/webhooks",
        app.admin,
        json={"url": "https://hooks.example.org/1", "topics": ["photo.ready"]},
    )
    delivery = await _ask(builder, "POST", f"/api/admin/webhooks/{webhook['id']}/test", app.admin)
    me = await _json(builder, "/api/me", guest)
    link = await _ask(builder, "POST", f"/api/admin/users/{me['id']}/reset-link", app.admin)
    leaver = await member(pool, {"id": event_id}, "leaver@example.org")
    left = await builder.call("DELETE", "/api/me", leaver.headers)
    async with db.transaction(pool) as conn:
        guest_id = await conn.fetchval(
            "select id from guest where account_id = $1 and event_id = $2",
            int(me["id"]),
            int(event_id),
        )
        unsubscribe = await unsubscribing.token_of(conn, GuestId(guest_id))
        job_id = await queue.enqueue(
            conn, JobKind.MATCH_EVENT, label="an operator's", event_id=EventId(int(event_id))
        )
    async with db.transaction(builder.pool) as conn:
        confirmation = await confirmations.create(conn, UserId(int(me["id"])))
    assert confirmation is not None
    tokens = await _json(builder, f"/api/admin/events/{event_id}/tokens", app.admin)
    photo_id = verdict["photo_id"]
    return RightsFixture(
        headers={
            NOBODY: {},
            GUEST: guest,
            BROWSER: bearer(browser["token"]),
            NAMED: bearer(named["token"]),
            STRANGER: stranger.headers,
            PHOTOGRAPHER: photographer,
            OUTSIDER: await make_token(app, elsewhere),
            ADMIN: app.admin,
        },
        admin_token=app.admin["Authorization"].removeprefix("Bearer "),
        names={
            "code": builder.code,
            "colour": "335577",
            "version": "0",
            "path": "app.css",
            "event_id": event_id,
            "user_id": me["id"],
            "photo_id": photo_id,
            "job_id": verdict["job_id"],
            "selfie_id": selfies[0]["id"],
            f"/api/admin/events/{event_id}/waiting/{{selfie_id}}": newcomers[0]["selfie_id"],
            "invitation_id": "1",
            "group_id": groups[0]["group_id"],
            "report_id": report["id"],
            "token_id": tokens[0]["id"],
            "sha256": "00" * 32,
            "key": named["key_url"].rpartition("/")[2],
            "/confirm/{token}": confirmation[0],
            "/reset/{token}": link["url"].rpartition("/")[2],
            "/receipt/{token}": left.headers["Location"].rpartition("/")[2],
            "/unsubscribe/{token}": unsubscribe,
            "/wall/{token}": "a-wall-of-photos",
            "/api/wall/{token}": "a-wall-of-photos",
            "/api/events/{id}": event_id,
            "/api/me/events/{id}": event_id,
            "/api/admin/events/{id}": event_id,
            "/admin/events/{id}": event_id,
            "/api/admin/queue/jobs/{id}": str(job_id),
            "/admin/jobs/{id}": str(job_id),
            "/api/admin/users/{id}": me["id"],
            "/admin/users/{id}": me["id"],
            "/api/admin/webhooks/{id}": webhook["id"],
            "/admin/webhooks/{id}": webhook["id"],
            "/api/admin/webhooks/deliveries/{id}": delivery["id"],
            "/admin/webhooks/deliveries/{id}": delivery["id"],
            "/api/admin/faces/{id}": groups[0]["cover_face"]["face_id"],
            # everywhere else
            "id": photo_id,
        },
        queries={
            route: {"event": event_id}
            for route, callers in who_may().items()
            if callers in (MEMBERS, FOUND)
        }
        | {
            "GET /e": {"code": builder.code},
            "GET /gallery/me.jpg": {"event": event_id, "selfie": selfies[0]["id"]},
            "GET /api/admin/events/{id}/contact-sheet.zip": {"ids": photo_id},
            "POST /account/erase": {"what": "event", "event": event_id},
        },
        unseen=(hidden, waiting),
    )


def _cover() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "#335577").save(out, "JPEG")
    out.seek(0)
    return out


async def _ask(
    builder: ScriptedEvent, method: str, path: str, headers: Mapping[str, str], **options: Any
) -> Any:
    answer = await builder.call(method, path, headers, **options)
    assert answer.status < 300, await answer.text()
    return await answer.json()


async def _json(builder: ScriptedEvent, path: str, headers: Mapping[str, str]) -> Any:
    answer = await builder.call("GET", path, headers)
    assert answer.status == 200, await answer.text()
    return await answer.json()
