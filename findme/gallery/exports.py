"""Exports: the originals of a guest's photos, and all data that is stored about a person."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from findme import db
from findme.db import Connection, Pool, Record
from findme.media import sent_bytes, storage
from findme.media.zip_stream import ZipEntry, distinct_names
from findme.models import Event, EventId, ImageId, Metadata, PhotoId, Size, UserId


@dataclass(frozen=True, slots=True)
class Original:
    """A photo as it was uploaded."""

    photo_id: PhotoId
    filename: str
    #: When it was taken; if the file does not say, when it was uploaded.
    at: datetime
    size_bytes: int
    #: The size without what guests do not get (see media/cleaning); None: not known yet.
    clean_bytes: int | None
    #: Whether guests get a JPEG that is made of it.
    uncleanable: bool

    def bytes_for_guests(self, event: Event) -> int:
        """Return the size that a guest of the event downloads, as far as it is known."""
        if event.metadata is Metadata.FULL or self.clean_bytes is None:
            return self.size_bytes
        return self.clean_bytes


@dataclass(frozen=True, slots=True)
class ExportedSelfie:
    """A selfie whose picture is kept (a JPEG)."""

    id: int
    event_id: EventId
    at: datetime
    image_id: ImageId
    size_bytes: int


async def list_originals(conn: Connection, photo_ids: Sequence[PhotoId]) -> list[Original]:
    """Return the originals of these photos, the oldest first."""
    rows = await conn.fetch(
        """
        select photo.id as photo_id, filename, dated_at as at, size_bytes, clean_bytes,
               coalesce(octet_length(clean_plan) = 0, false) as uncleanable
          from photo join image on image.photo_id = photo.id and image.size = 'original'
         where photo.id = any($1) order by at, photo.id""",
        photo_ids,
    )
    return [Original(**row) for row in rows]


async def read_original(pool: Pool, photo_id: PhotoId) -> AsyncIterator[bytes]:
    """Yield an original as it was uploaded; nothing if it was deleted."""
    async with db.acquire(pool) as conn:
        image = await storage.find_photo_image(conn, photo_id, Size.ORIGINAL)
    if image is None:
        return
    async for chunk in sent_bytes.read(pool, image):
        yield chunk


async def list_selfies(conn: Connection, user_id: UserId) -> list[ExportedSelfie]:
    """Return the selfies of a user in all events."""
    rows = await conn.fetch(
        """
        select selfie.id, guest.event_id, selfie.created_at as at, image.id as image_id, size_bytes
          from guest join selfie on selfie.guest_id = guest.id
               join image on image.selfie_id = selfie.id and image.size = 'original'
         where guest.account_id = $1 order by selfie.id""",
        user_id,
    )
    return [ExportedSelfie(**row) for row in rows]


#: The data about a guest by its name in the export; each row names its event.
_HELD = {
    "selfies": """
        select guest.event_id, selfie.id::text, state, problem, created_at,
               exists (select from image where selfie_id = selfie.id) as picture_kept
          from guest join selfie on selfie.guest_id = guest.id
         where guest.account_id = $1 order by selfie.id""",
    "faceprints": """
        select guest.event_id, reference.engine_face_id as id, kind, indexed_at
          from guest join reference on reference.guest_id = guest.id
         where guest.account_id = $1 order by reference.id""",
    "matches": """
        select guest.event_id, photo_id::text, max(similarity) as similarity,
               min(found_at) as found_at
          from guest join match on match.guest_id = guest.id
         where guest.account_id = $1
         group by guest.event_id, photo_id order by match.photo_id""",
    # the photos on this person's shelves
    "photos": """
        select guest.event_id, photo_id::text, shelf, confirmed
          from guest cross join lateral (
               select photo_id, shelf, confirmed from guest_photo
                where guest_id = guest.id offset 0) as shown
         where guest.account_id = $1 order by shown.photo_id""",
    "verdicts": """
        select guest.event_id, photo_id::text, says, created_at
          from guest join verdict on verdict.guest_id = guest.id
         where guest.account_id = $1 order by verdict.photo_id""",
    "favourites": """
        select guest.event_id, photo_id::text, created_at
          from guest join favourite on favourite.guest_id = guest.id
         where guest.account_id = $1 order by favourite.photo_id""",
    "reports": """
        select guest.event_id, photo_id::text, reason, note, created_at, settled_at
          from guest join report on report.guest_id = guest.id
         where guest.account_id = $1 order by report.id""",
    # the endpoints of this person's browsers for push messages
    "notifications": """
        select guest.event_id, endpoint, created_at
          from guest join push_subscription on push_subscription.guest_id = guest.id
         where guest.account_id = $1 order by push_subscription.id""",
    # this person's group of faces, and the name that an admin gave it
    "groups": """
        select guest.event_id, person.name, person.created_at
          from guest join person on person.guest_id = guest.id
         where guest.account_id = $1 order by person.id""",
}


async def everything_on(conn: Connection, user_id: UserId) -> dict[str, Any]:
    """Return all data about a user except the pictures; see docs/api.md."""
    account = await conn.fetchrow(
        """
        select id::text, name, email, role, created_at, language, scheme, letter_keys
          from account where id = $1""",
        user_id,
    )
    sessions = await conn.fetch(
        "select created_at, expires_at from session where account_id = $1 order by id", user_id
    )
    browsers = await conn.fetch(
        "select last_used_at from known_browser where account_id = $1 order by 1", user_id
    )
    uploads = await conn.fetch(
        """
        select id::text as photo_id, event_id::text, filename, uploaded_at
          from photo where account_id = $1 order by photo.id""",
        user_id,
    )
    # an admin's entries in the audit log
    actions = await conn.fetch(
        "select at, action, event_id::text from audit where actor_id = $1 order by id", user_id
    )
    joined = await conn.fetch(
        """
        select event.id, event.name, starts_at, expires_at, joined_at, admitted_at, consent_at,
               consent_text, consent_language, consent_withdrawn_at, notify_mail, notified_at
          from guest join event on event.id = guest.event_id
         where guest.account_id = $1 order by guest.id""",
        user_id,
    )
    held = {name: _by_event(await conn.fetch(sql, user_id)) for name, sql in _HELD.items()}
    return {
        "account": None if account is None else dict(account),
        "sessions": [dict(row) for row in sessions],
        "browsers": [dict(row) for row in browsers],
        "uploads": [dict(row) for row in uploads],
        "actions": [dict(row) for row in actions],
        "events": [
            {
                "id": str(row["id"]),
                "name": row["name"],
                "starts_at": row["starts_at"],
                "expires_at": row["expires_at"],
                "joined_at": row["joined_at"],
                "admitted_at": row["admitted_at"],
                "consent": {
                    "at": row["consent_at"],
                    "text": row["consent_text"],
                    "language": row["consent_language"],
                    "withdrawn_at": row["consent_withdrawn_at"],
                },
                "told_by_mail": row["notify_mail"],
                "last_told_at": row["notified_at"],
                **{name: rows[row["id"]] for name, rows in held.items()},
            }
            for row in joined
        ],
    }


def _by_event(rows: Sequence[Record]) -> dict[int, list[dict[str, object]]]:
    found: dict[int, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        members = dict(row)
        found[members.pop("event_id")].append(members)
    return found


def archive_entries(pool: Pool, photos: Sequence[Original], folder: str = "") -> list[ZipEntry]:
    """Return the members of a ZIP archive of original photos, all below *folder*."""
    names = distinct_names(photo.filename for photo in photos)
    return [
        ZipEntry(
            folder + name,
            photo.size_bytes,
            photo.at,
            partial(read_original, pool, photo.photo_id),
        )
        for photo, name in zip(photos, names, strict=True)
    ]
