"""An organiser's work on photos: show, hide, delete, index again, and settle reports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from findme import db
from findme.accounts import guests
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import Conflict, NotFound
from findme.faces import missed_faces
from findme.gallery import events, photos, reports
from findme.indexing.vector_deletion import VectorDeletion
from findme.messaging import notifications
from findme.models import EventId, JobId, PhotoId, Review, UserId
from findme.privacy import audit_log
from findme.services import vectors
from findme.settings import Settings
from findme.workers import Workers


class Settlement(StrEnum):
    """The decision about a reported photo."""

    #: It stays as it is.
    SETTLE = "settle"
    HIDE = "hide"
    #: It may be seen again.
    SHOW = "show"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The result of a review."""

    changed: list[PhotoId]
    #: The photos that guests can see now; a photo without pictures is never shown.
    visible: list[PhotoId]


@dataclass(frozen=True, slots=True)
class PhotoReview:
    """Changes photos in one transaction, with audit entries; lists of the event are then stale."""

    settings: Settings
    pool: Pool
    cache: Cache
    vectors: VectorDeletion
    workers: Workers

    async def review(self, actor: UserId, photo_ids: Sequence[PhotoId], review: Review) -> Reviewed:
        """Show, hide or hold back photos of any events, and notify guests of new ones.

        NotFound, and nothing changes, if one of the photos is not there.
        """
        async with db.transaction(self.pool) as conn:
            changed = await self._review(conn, actor, photo_ids, review)
            visible = await photos.only_visible(conn, photo_ids)
        for event_id in set(changed.values()):
            await self.cache.forget_event(event_id)
        return Reviewed(sorted(changed), visible)

    async def delete(self, actor: UserId, photo_ids: Iterable[PhotoId]) -> list[PhotoId]:
        """Delete photos with their faces, matches and vectors; return those that were there."""
        async with db.transaction(self.pool) as conn:
            deleted = await _delete(conn, actor, photo_ids)
        await vectors.delete_now(self.cache, self.vectors, set(deleted.values()))
        return list(deleted)

    async def retry(
        self, actor: UserId, photo_ids: Iterable[PhotoId], *, thorough: bool
    ) -> list[PhotoId]:
        """Enqueue the indexing of photos, *thorough*: of every face, however bad.

        Return the photos that are enqueued; deleted ones and those in work are left out.
        """
        enqueued: dict[EventId, list[PhotoId]] = {}
        async with db.transaction(self.pool) as conn:
            for photo_id in sorted(photo_ids):
                try:
                    _, event_id = await missed_faces.try_again(conn, photo_id, thorough=thorough)
                except (NotFound, Conflict):
                    continue
                enqueued.setdefault(event_id, []).append(photo_id)
            for event_id, again in enqueued.items():
                await audit_log.note(
                    conn, actor, "photos.retried", event_id=event_id, subjects=again
                )
        self.workers.wake()
        return sorted(photo_id for again in enqueued.values() for photo_id in again)

    async def retry_one(self, actor: UserId, photo_id: PhotoId, *, thorough: bool) -> JobId:
        """Enqueue the indexing of a photo, and return the job.

        NotFound if there is no such photo, Conflict if it is in work.
        """
        async with db.transaction(self.pool) as conn:
            job_id, event_id = await missed_faces.try_again(conn, photo_id, thorough=thorough)
            await audit_log.note(
                conn, actor, "photos.retried", event_id=event_id, subjects=[photo_id]
            )
        self.workers.wake()
        return job_id

    async def settle_report(
        self, actor: UserId, event_id: EventId, report_id: int, settlement: Settlement
    ) -> None:
        """Settle a guest's report, and hide or delete its photo; NotFound for another event's."""
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event_id)
            photo_id = await reports.settle(conn, event_id, report_id)
            if settlement is Settlement.HIDE:
                await self._review(conn, actor, [photo_id], Review.HIDDEN)
            elif settlement is Settlement.SHOW:
                await self._review(conn, actor, [photo_id], Review.SHOWN)
            elif settlement is Settlement.DELETE:
                await _delete(conn, actor, [photo_id])
            await audit_log.note(
                conn,
                actor,
                "report.settled",
                event_id=event_id,
                subjects=[photo_id],
                detail={"photo": settlement},
            )
        if settlement is Settlement.DELETE:
            await vectors.delete_now(self.cache, self.vectors, [event_id])
        elif settlement in (Settlement.HIDE, Settlement.SHOW):
            await self.cache.forget_event(event_id)

    async def show_kept_out(self, actor: UserId, event_id: EventId) -> None:
        """Show all photos again that wait because somebody who is no guest wants to be kept out."""
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event_id)
            waiting = await reports.list_kept_out(conn, event_id)
            await self._review(conn, actor, waiting, Review.SHOWN)
        await self.cache.forget_event(event_id)

    async def _review(
        self, conn: Connection, actor: UserId, photo_ids: Sequence[PhotoId], review: Review
    ) -> Mapping[PhotoId, EventId]:
        """Review photos in the caller's transaction; return those that change, with their event."""
        changed = await photos.review(conn, photo_ids, review)
        if review is not Review.WAITING:
            await reports.settle_kept_out(conn, photo_ids)
        for event_id in sorted(set(changed.values())):
            await audit_log.note(
                conn,
                actor,
                "photos.reviewed",
                event_id=event_id,
                subjects=sorted(
                    each for each, its_event in changed.items() if its_event == event_id
                ),
                detail={"review": review},
            )
            await notifications.ask(conn, event_id, self.settings)
        return changed


async def _delete(
    conn: Connection, actor: UserId, photo_ids: Iterable[PhotoId]
) -> dict[PhotoId, EventId]:
    """Delete photos in the caller's transaction; return those that were there, with their event."""
    deleted: dict[PhotoId, EventId] = {}
    # in the order of their ids, so that two who delete the same photos cannot deadlock
    for photo_id in sorted(photo_ids):
        try:
            left = await photos.delete(conn, photo_id)
        except NotFound:
            continue
        await guests.forget_faces(conn, left.event_id, left.faces)
        await audit_log.note(
            conn, actor, "photo.deleted", event_id=left.event_id, subjects=[photo_id]
        )
        deleted[photo_id] = left.event_id
    return deleted
