"""An organiser's work on an event as a whole: create, change, set its cover, delete."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from findme import db
from findme.accounts import admission, guests, selfie_pictures
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import InvalidRequest
from findme.faces import kept_faces, references
from findme.faces.sweep_requests import request_sweep
from findme.gallery import events
from findme.media.image_workers import ImageWorkers
from findme.messaging import webhooks
from findme.models import Admission, Event, EventId, Gallery, KeptFaces, Size, UserId
from findme.pixels.gate import Urgency
from findme.privacy import audit_log
from findme.settings import Settings
from findme.workers import Workers

#: How long after its start an event is deleted if whoever creates it names no end.
LIFETIME = timedelta(days=30)
#: The audit log's detail for a new cover.
COVER = {"members": ["cover"]}


@dataclass(frozen=True, slots=True)
class EventSetup:
    """Writes events and their audit entries; NotFound if there is no such event.

    *changes* are attributes of `Event` with their new values, and `wall`: whether the event has a
    live wall. InvalidRequest if they contradict each other or what the event has already, or if
    `expires_at` becomes a time that has passed: a mistyped year would erase the event at once.
    FacesDecided if strangers' faces were to be kept whose vectors were never made.
    """

    settings: Settings
    pool: Pool
    cache: Cache
    images: ImageWorkers
    workers: Workers

    async def create(self, actor: UserId, changes: Mapping[str, Any]) -> Event:
        """Add an event with a code of its own, and announce it to webhooks; it needs a `name`.

        If `expires_at` is left out, the event ends LIFETIME after its start; None: it has no end.
        """
        async with db.transaction(self.pool) as conn:
            event = await events.create(
                conn,
                name=changes["name"],
                starts_at=None,
                expires_at=None,
                gallery=Gallery.EVERYONE,
                join_open=True,
            )
            wanted = _changed(event, _with_end(changes))
            _check_end(event, wanted)
            await kept_faces.change(conn, event.id, wanted.faces)
            event = await events.update(conn, wanted)
            await audit_log.note(conn, actor, "event.created", event_id=event.id)
            await webhooks.announce_created(conn, event)
        return event

    async def change(self, actor: UserId, event_id: EventId, changes: Mapping[str, Any]) -> Event:
        """Change an event, and invalidate its cached lists.

        If it admits everybody from now on, those who wait are admitted.
        """
        async with db.transaction(self.pool) as conn:
            if "faces" in changes:
                await self._change_faces(conn, event_id, changes["faces"])
            before = await events.get(conn, event_id)
            wanted = _changed(before, changes)
            _check_end(before, wanted)
            if before.drop_selfies and not wanted.drop_selfies:
                await _check_keeps_selfies(conn, event_id)
            event = await events.update(conn, wanted)
            await selfie_pictures.drop(conn, event_id)
            if event.admission is Admission.OPEN:
                await admission.admit_all(conn, event.id, self.settings)
            await audit_log.note(
                conn, actor, "event.changed", event_id=event_id, detail={"members": sorted(changes)}
            )
        await self.cache.forget_event(event_id)
        self.workers.wake()
        return event

    async def _change_faces(self, conn: Connection, event_id: EventId, wanted: KeptFaces) -> None:
        vectors = await kept_faces.change(conn, event_id, wanted)
        await guests.forget_faces(conn, event_id, vectors)
        if wanted is KeptFaces.GUESTS_ONLY and await references.any_of(conn, event_id):
            # what was not compared by vectors is compared by pictures
            await request_sweep(conn, event_id, self.settings)

    async def set_cover(self, actor: UserId, event_id: EventId, path: Path) -> Event:
        """Make the picture in a file the event's cover; BadImage if it cannot be read."""
        made = await self.images.render(path, Urgency.NEXT)
        return await self._store_cover(
            actor, event_id, {Size.PREVIEW: made.preview, Size.THUMB: made.thumb}
        )

    async def remove_cover(self, actor: UserId, event_id: EventId) -> None:
        """Leave the event without a cover."""
        await self._store_cover(actor, event_id, {})

    async def delete(self, actor: UserId, event_id: EventId) -> None:
        """Delete an event with photos, faces and guests; a job deletes the engine's collection."""

        async def delete(conn: Connection) -> None:
            await events.delete(conn, event_id)
            await audit_log.note(conn, actor, "event.deleted", event_id=event_id)

        await db.retry_serialization(self.pool, delete)
        await self.cache.forget_event(event_id)
        self.workers.wake()

    async def _store_cover(
        self, actor: UserId, event_id: EventId, pictures: Mapping[Size, bytes]
    ) -> Event:
        async with db.transaction(self.pool) as conn:
            event = await events.set_cover(conn, event_id, pictures)
            await audit_log.note(conn, actor, "event.changed", event_id=event_id, detail=COVER)
        return event


def _changed(event: Event, changes: Mapping[str, Any]) -> Event:
    """Return the event as it is wanted; InvalidRequest if it contradicts itself."""
    attributes = dict(changes)
    if "wall" in attributes:
        wanted = attributes.pop("wall")
        token = (event.wall_token or secrets.token_urlsafe(16)) if wanted else None
        attributes["wall_token"] = token
    event = replace(event, **attributes)
    for earlier, later in (
        ("starts_at", "closes_at"),
        ("starts_at", "expires_at"),
        ("closes_at", "expires_at"),
    ):
        begin, end = getattr(event, earlier), getattr(event, later)
        if begin is not None and end is not None and end < begin:
            raise InvalidRequest(f"{later} would be before {earlier}.", field=later)
    return event


def _with_end(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a new event, which has an end unless they say otherwise."""
    if "expires_at" in changes:
        return changes
    named = [changes.get(name) for name in ("starts_at", "closes_at")]
    start = max(moment for moment in (datetime.now(UTC), *named) if moment is not None)
    if start > datetime.max.replace(tzinfo=UTC) - LIFETIME:  # the end of the calendar
        return changes
    return {**changes, "expires_at": start + LIFETIME}


async def _check_keeps_selfies(conn: Connection, event_id: EventId) -> None:
    if await guests.any_agreed(conn, event_id):
        raise InvalidRequest(
            "Guests have agreed that their selfies are deleted.", field="drop_selfies"
        )


def _check_end(before: Event, after: Event) -> None:
    end = after.expires_at
    if end is not None and end != before.expires_at and end <= datetime.now(UTC):
        raise InvalidRequest("expires_at has passed.", field="expires_at")
