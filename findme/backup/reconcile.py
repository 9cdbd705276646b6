"""Prepares a restored database for service: repeats deletions, gives events new collections."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from findme import queue
from findme.accounts import auth, guests, invitations
from findme.db import Connection, Record
from findme.faces import reindex_state
from findme.gallery import events, photos
from findme.models import EventId, JobKind, PhotoId, UserId
from findme.privacy import erasure_journal
from findme.privacy.erasure_journal import JournalEntry

#: Jobs about vectors of the old collections; the re-index replaces all of them.
_OF_VECTORS = ("forget_faces", "delete_collection", "reindex_event", "match_event", "match_selfie")


async def collections_of(conn: Connection) -> set[str]:
    """Return the collections that belong to an event, or that wait to be deleted.

    The database may be of an older FindMe, so the statement names no column that is newer.
    """
    if await conn.fetchval("select to_regclass('event') is null"):
        return set()
    rows = await conn.fetch(
        """
        select to_jsonb(event)->>'collection_id' as name from event
        -- of a database before version 0.2
        union select to_jsonb(event)->>'next_collection_id' from event
        union select payload->>'collection_id' from job where kind = 'delete_collection'
                 and state in ('queued', 'running')"""
    )
    return {row["name"] for row in rows if row["name"] is not None}


async def give_new_collections(conn: Connection) -> None:
    """Begin a re-index of all events, away from what any engine holds.

    The engine's collections are from another time: they lack faces, or hold faces of people who
    have been deleted.
    """
    for row in await conn.fetch("select id from event order by id desc"):
        await reindex_state.enqueue_after_restore(conn, row["id"])
    # the sweep after the re-index searches for everybody
    await conn.execute(
        """
        update reference set searched = true
         where not searched and guest_id in (select id from guest where admitted_at is not null)"""
    )


async def repeat_erasures(conn: Connection, erased: Sequence[JournalEntry]) -> dict[str, int]:
    """Delete what was deleted since the backup; return the number of deletions by kind."""
    repeated: Counter[str] = Counter()
    # rows that are deleted with their event or account are not counted
    for kind, (find, delete) in _BY_KIND.items():
        uids = [erasure.uid for erasure in erased if erasure.kind == kind]
        for row in await conn.fetch(find, uids):
            await delete(conn, row)
            repeated[kind] += 1
    await erasure_journal.note(conn, erased)
    return dict(repeated)


async def leave_vectors_to_reindex(conn: Connection, collections: Collection[str]) -> None:
    """Drop the jobs about vectors, and enqueue the deletion of *collections*."""
    await conn.execute(
        "delete from job where kind = any($1) and state in ('queued', 'running')", _OF_VECTORS
    )
    for name in sorted(collections):
        await queue.enqueue(
            conn, JobKind.DELETE_COLLECTION, label=name, payload={"collection_id": name}
        )


async def _delete_event(conn: Connection, row: Record) -> None:
    await events.delete(conn, EventId(row["id"]))


async def _delete_account(conn: Connection, row: Record) -> None:
    user_id = UserId(row["id"])
    for guest in await guests.list_by_user(conn, user_id):
        await guests.forget(conn, guest.event_id, user_id)
    await auth.delete_account(conn, user_id)


async def _forget_guest(conn: Connection, row: Record) -> None:
    await guests.forget(conn, EventId(row["event_id"]), UserId(row["account_id"]))


async def _delete_selfie(conn: Connection, row: Record) -> None:
    """Delete a selfie; with a guest's last one, also their face data and their consent.

    The guest may have withdrawn the consent, or replaced the selfie by one that is in no backup, so
    they are asked again.
    """
    await conn.execute("delete from selfie where id = $1", row["id"])
    if not await conn.fetchval(
        "select exists (select from selfie where guest_id = $1)", row["guest_id"]
    ):
        await guests.withdraw(conn, EventId(row["event_id"]), UserId(row["account_id"]))


async def _withdraw(conn: Connection, row: Record) -> None:
    await invitations.withdraw(conn, EventId(row["event_id"]), row["id"])


async def _delete_photo(conn: Connection, row: Record) -> None:
    await photos.delete(conn, PhotoId(row["id"]))


_BY_KIND: Mapping[str, tuple[str, Callable[[Connection, Record], Awaitable[None]]]] = {
    "event": ("select id from event where uid = any($1)", _delete_event),
    "account": ("select id from account where uid = any($1)", _delete_account),
    "guest": ("select event_id, account_id from guest where uid = any($1)", _forget_guest),
    "selfie": (
        """
        select selfie.id, guest_id, event_id, account_id
          from selfie join guest on guest.id = guest_id where selfie.uid = any($1)""",
        _delete_selfie,
    ),
    "invitation": ("select id, event_id from invitation where uid = any($1)", _withdraw),
    "photo": ("select id from photo where uid = any($1)", _delete_photo),
}
