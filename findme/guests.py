"""Guests: who joined which event, and the selfie that finds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from findme import queue, staging
from findme.db import Connection, Record
from findme.errors import CollectionSwitched, SelfieRefused
from findme.models import (
    EngineFaceId,
    EventId,
    GuestId,
    IndexedFace,
    IndexResult,
    JobKind,
    SelfieId,
    SelfieState,
    UserId,
)

#: A second face is a second person at the camera when it has this share of the first one's area;
#: a smaller one is somebody in the background.
SECOND_FACE_SHARE = 0.35
#: Seconds that a join request has to get its selfie indexed before the workers look after it.
CLAIM_SECONDS = 90.0

#: The engine's reasons, in the contract's words.
PROBLEMS = {
    "LOW_BRIGHTNESS": "dark",
    "LOW_SHARPNESS": "blurred",
    "SMALL_BOUNDING_BOX": "too_small",
    "EXTREME_POSE": "turned_away",
}
#: What Rekognition calls a face of low quality whose eyes or mouth it does not see.
COVERED = "covered"
SENTENCES = {
    "dark": "The picture is too dark.",
    "blurred": "The picture is blurred.",
    "too_small": "The face is too small.",
    "turned_away": "The face is turned away.",
    COVERED: "Eyes or mouth are covered.",
}


@dataclass(frozen=True, slots=True)
class Guest:
    """A person's part in one event."""

    id: GuestId
    event_id: EventId
    user_id: UserId
    joined_at: datetime
    selfie_state: SelfieState | None
    selfie_problem: str | None


@dataclass(frozen=True, slots=True)
class PendingSelfie:
    """A selfie that the engine has not seen yet."""

    id: SelfieId
    guest_id: GuestId

    @property
    def external_id(self) -> str:
        """The ExternalImageId: fixed, so that a retry adds nothing; opaque, as it may be logged."""
        return f"g:{self.guest_id}:{self.id}"


def judge(result: IndexResult) -> IndexedFace:
    """Return the face of a selfie that was indexed with max_faces=1; SelfieRefused otherwise."""
    others = [face for face in result.unindexed if "EXCEEDS_MAX_FACES" in face.reasons]
    if not result.faces:
        if not result.unindexed:
            raise SelfieRefused("No face is to be seen.", code="no_face")
        largest = max(result.unindexed, key=lambda face: face.box.width * face.box.height)
        problems = [PROBLEMS[reason] for reason in largest.reasons if reason in PROBLEMS]
        problems += [COVERED] if largest.occluded else []
        sentences = [SENTENCES[problem] for problem in problems]
        raise SelfieRefused(
            " ".join(sentences) or "The face is not clear enough.",
            code="poor_quality",
            problems=problems,
        )
    face = result.faces[0]
    area = face.box.width * face.box.height
    if any(o.box.width * o.box.height >= SECOND_FACE_SHARE * area for o in others):
        raise SelfieRefused("There is more than one face.", code="several_faces")
    return face


async def find(conn: Connection, event_id: EventId, user_id: UserId) -> Guest | None:
    """Return a user's part in an event, or None where they did not join."""
    row = await conn.fetchrow(
        """
        select guest.id, guest.event_id, guest.account_id as user_id, guest.joined_at,
               selfie.state as selfie_state, selfie.problem as selfie_problem
          from guest left join lateral (
                 select state, problem from selfie where guest_id = guest.id
                  order by id desc limit 1) as selfie on true
         where guest.event_id = $1 and guest.account_id = $2""",
        event_id,
        user_id,
    )
    return None if row is None else _guest(row)


async def list_by_user(conn: Connection, user_id: UserId) -> list[Guest]:
    """Return all that a user joined, the last joined first."""
    rows = await conn.fetch(
        """
        select guest.id, guest.event_id, guest.account_id as user_id, guest.joined_at,
               selfie.state as selfie_state, selfie.problem as selfie_problem
          from guest left join lateral (
                 select state, problem from selfie where guest_id = guest.id
                  order by id desc limit 1) as selfie on true
         where guest.account_id = $1 order by guest.id desc""",
        user_id,
    )
    return [_guest(row) for row in rows]


async def list_by_event(
    conn: Connection, event_id: EventId, *, before: GuestId | None, limit: int
) -> list[Record]:
    """Return an event's guests for the admin: id, name, email, joined_at, selfie, photos."""
    return await conn.fetch(
        """
        select guest.id as guest_id, account.id, account.name, account.email, guest.joined_at,
               selfie.state as selfie, selfie.problem as selfie_problem,
               (select count(distinct photo_id) from match where guest_id = guest.id) as photos
          from guest join account on account.id = guest.account_id
               left join lateral (select state, problem from selfie where guest_id = guest.id
                                   order by id desc limit 1) as selfie on true
         where guest.event_id = $1 and ($2::bigint is null or guest.id < $2)
         order by guest.id desc limit $3""",
        event_id,
        before,
        limit,
    )


async def count(conn: Connection, event_id: EventId) -> int:
    """Return how many guests an event has."""
    number: int = await conn.fetchval("select count(*) from guest where event_id = $1", event_id)
    return number


async def join(
    conn: Connection, event_id: EventId, user_id: UserId, *, consent_text: str, language: str
) -> GuestId:
    """Enter a user into an event, or note a new consent of one who is in it already."""
    return GuestId(
        await conn.fetchval(
            """
            insert into guest (event_id, account_id, consent_at, consent_text, consent_language)
            values ($1, $2, now(), $3, $4)
            on conflict (event_id, account_id) do update
               set consent_at = excluded.consent_at, consent_text = excluded.consent_text,
                   consent_language = excluded.consent_language
            returning id""",
            event_id,
            user_id,
            consent_text,
            language,
        )
    )


async def add_selfie(conn: Connection, event_id: EventId, guest_id: GuestId) -> PendingSelfie:
    """Add a pending selfie that the calling request will have indexed.

    Should the request not come that far, the job that is added here does it after CLAIM_SECONDS.
    """
    selfie_id = SelfieId(
        await conn.fetchval(
            """
            insert into selfie (guest_id, claimed_until)
            values ($1, now() + make_interval(secs => $2)) returning id""",
            guest_id,
            CLAIM_SECONDS,
        )
    )
    await queue.enqueue(
        conn,
        JobKind.INDEX_SELFIE,
        label=f"selfie {selfie_id}",
        event_id=event_id,
        selfie_id=selfie_id,
        delay=CLAIM_SECONDS,
    )
    return PendingSelfie(selfie_id, guest_id)


async def leave_to_workers(conn: Connection, selfie: PendingSelfie) -> None:
    """Let the workers index a pending selfie as soon as the engine answers."""
    await conn.execute("update selfie set claimed_until = null where id = $1", selfie.id)
    await conn.execute(
        """
        update job set run_at = now(), parked = true
         where selfie_id = $1 and kind = 'index_selfie' and state = 'queued'""",
        selfie.id,
    )


async def release_claims(conn: Connection) -> None:
    """Let the workers have all pending selfies: whoever had them in hand is gone."""
    await conn.execute(
        """
        with freed as (update selfie set claimed_until = null
                        where state = 'pending' and claimed_until is not null returning id)
        update job set run_at = now() from freed
         where job.selfie_id = freed.id and kind = 'index_selfie' and job.state = 'queued'"""
    )


async def is_pending(conn: Connection, selfie_id: SelfieId) -> bool:
    """Whether the engine has not seen a selfie yet."""
    pending: bool = await conn.fetchval(
        "select exists (select from selfie where id = $1 and state = 'pending')", selfie_id
    )
    return pending


async def claim_pending(conn: Connection, event_id: EventId) -> list[PendingSelfie]:
    """Take an event's pending selfies that nobody else is having indexed."""
    rows = await conn.fetch(
        """
        update selfie set claimed_until = now() + make_interval(secs => $2)
         where state = 'pending' and coalesce(claimed_until < now(), true)
           and guest_id in (select id from guest where event_id = $1)
        returning id, guest_id""",
        event_id,
        CLAIM_SECONDS,
    )
    return [PendingSelfie(SelfieId(row["id"]), GuestId(row["guest_id"])) for row in rows]


async def accept_selfie(
    conn: Connection,
    event_id: EventId,
    collection_id: str,
    selfie: PendingSelfie,
    face: IndexedFace,
) -> bool:
    """Make the face the guest's reference and ask for its search; False where the guest is gone.

    CollectionSwitched where the face is in the wrong collection by now.

    The guest's earlier selfies stay until that search has an answer (see sweeps).
    """
    updated = await conn.execute(
        """
        update selfie set state = 'accepted', problem = null, claimed_until = null
         where id = $1 and state <> 'refused'""",
        selfie.id,
    )
    if updated != "UPDATE 1":
        return False
    number = await conn.fetchval(
        """
        update event set last_reference = last_reference + 1 where id = $1 and collection_id = $2
        returning last_reference""",
        event_id,
        collection_id,
    )
    if number is None:
        raise CollectionSwitched
    added = await conn.execute(
        """
        insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, indexed_at)
        values ($1, $2, $3, $4, $5, clock_timestamp())
        on conflict (selfie_id) do nothing""",
        event_id,
        selfie.guest_id,
        selfie.id,
        face.engine_face_id,
        number,
    )
    if added == "INSERT 0 1":
        await queue.enqueue(
            conn,
            JobKind.MATCH_SELFIE,
            label=f"selfie {selfie.id}",
            event_id=event_id,
            selfie_id=selfie.id,
        )
    await _end_index_job(conn, selfie.id)
    return True


async def refuse_selfie(conn: Connection, selfie: PendingSelfie, problem: str) -> None:
    """Note why a selfie that was already received cannot be used; the guest's page shows it."""
    await conn.execute(
        "update selfie set state = 'refused', problem = $2, claimed_until = null where id = $1",
        selfie.id,
        problem,
    )
    await conn.execute("delete from image where selfie_id = $1 and size = 'original'", selfie.id)
    await _end_index_job(conn, selfie.id)


async def discard_selfie(conn: Connection, selfie: PendingSelfie) -> None:
    """Remove a selfie that was refused at once, and the guest where it was their first."""
    await conn.execute("delete from selfie where id = $1", selfie.id)
    await conn.execute(
        """
        delete from guest where id = $1
           and not exists (select from selfie where guest_id = guest.id)""",
        selfie.guest_id,
    )


async def forget(conn: Connection, event_id: EventId, user_id: UserId) -> bool:
    """Remove a user's part in an event; their vectors follow by a job. False where there is none."""
    faces = await conn.fetch(
        """
        select reference.engine_face_id from reference join guest on guest.id = reference.guest_id
         where guest.event_id = $1 and guest.account_id = $2 and reference.kind = 'selfie'""",
        event_id,
        user_id,
    )
    selfies = await conn.fetch(
        """
        select selfie.id from selfie join guest on guest.id = selfie.guest_id
         where guest.event_id = $1 and guest.account_id = $2""",
        event_id,
        user_id,
    )
    staged = await staging.vectors_of(conn, selfie_ids=[row["id"] for row in selfies])
    deleted = await conn.execute(
        "delete from guest where event_id = $1 and account_id = $2", event_id, user_id
    )
    await forget_faces(
        conn, event_id, [EngineFaceId(row["engine_face_id"]) for row in faces], staged
    )
    return deleted == "DELETE 1"


async def forget_faces(
    conn: Connection,
    event_id: EventId,
    faces: Sequence[EngineFaceId],
    staged: Mapping[str, Sequence[EngineFaceId]] | None = None,
) -> None:
    """Ask for the removal of vectors from the event's collection.

    *staged* are those in the collection of a re-index that is under way.
    """
    collection_id: str = await conn.fetchval(
        "select collection_id from event where id = $1", event_id
    )
    for name, vectors in {collection_id: faces, **(staged or {})}.items():
        if vectors:
            await queue.enqueue(
                conn,
                JobKind.FORGET_FACES,
                label=f"{len(vectors)} faces",
                event_id=event_id,
                payload={"collection_id": name, "face_ids": list(vectors)},
            )


async def _end_index_job(conn: Connection, selfie_id: SelfieId) -> None:
    await conn.execute(
        """
        update job set state = 'done', finished_at = now()
         where selfie_id = $1 and kind = 'index_selfie' and state = 'queued'""",
        selfie_id,
    )


def _guest(row: Record) -> Guest:
    state = row["selfie_state"]
    return Guest(**{**row, "selfie_state": None if state is None else SelfieState(state)})
