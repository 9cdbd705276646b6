"""Selfies: stored and judged, up to five of them for each guest."""

from collections.abc import Sequence
from dataclasses import dataclass

from findme import queue
from findme.db import Connection, Record
from findme.errors import CollectionSwitched, LastSelfie, NotFound, SelfieRefused, TooManySelfies
from findme.models import EngineFaceId, EventId, GuestId, JobKind, SelfieId
from findme.recognition.types import IndexedFace, IndexResult

#: With and without glasses: more selfies than this tell the engine nothing new.
MOST = 5
#: A second face is a second person at the camera when it has this share of the first one's area;
#: a smaller one is somebody in the background.
SECOND_FACE_SHARE = 0.35
#: Seconds that a join request has to get its selfie indexed before the workers take it over.
CLAIM_SECONDS = 90.0

#: Below these an accepted selfie would find more if it were better: brightness and sharpness in the
#: engine's percent, the face's share of the picture's width, degrees that a face is turned.
DIM, SOFT, NARROW, TURNED = 20.0, 45.0, 0.1, 40.0
#: The engine's reasons, in the contract's words.
PROBLEMS = {
    "LOW_BRIGHTNESS": "dark",
    "LOW_SHARPNESS": "blurred",
    "SMALL_BOUNDING_BOX": "too_small",
    "EXTREME_POSE": "turned_away",
}
#: Rekognition's reason for a face of low quality whose eyes or mouth it does not see.
COVERED = "covered"
SENTENCES = {
    "dark": "The picture is too dark.",
    "blurred": "The picture is blurred.",
    "too_small": "The face is too small.",
    "turned_away": "The face is turned away.",
    COVERED: "Eyes or mouth are covered.",
}


@dataclass(frozen=True, slots=True)
class PendingSelfie:
    """A selfie that the engine has not seen yet."""

    id: SelfieId
    guest_id: GuestId

    @property
    def external_id(self) -> str:
        """The ExternalImageId: fixed, so that a retry adds nothing; opaque, as it may be logged."""
        return f"g:{self.guest_id}:{self.id}"


@dataclass(frozen=True, slots=True)
class JudgedSelfie:
    """The face of a selfie that is accepted, and what would make the selfie find more."""

    face: IndexedFace
    #: Keys of SENTENCES; empty for a good selfie.
    advice: Sequence[str]


def judge(result: IndexResult) -> JudgedSelfie:
    """Judge the answer to a selfie that was indexed with max_faces=1.

    SelfieRefused if there is no face, a second one of similar size, or none that could match
    anything: the engine has not indexed it, and says why. A merely poor one is accepted.
    """
    others = [face for face in result.unindexed if "EXCEEDS_MAX_FACES" in face.reasons]
    if not result.faces:
        if not result.unindexed:
            raise SelfieRefused("No face is to be seen.", code="no_face")
        largest = max(result.unindexed, key=lambda face: face.box.width * face.box.height)
        problems = [PROBLEMS[reason] for reason in largest.reasons if reason in PROBLEMS]
        problems += [COVERED] if largest.occluded else []
        # the engine drops a face for a low confidence or quality in general: it is not clear
        problems = problems or ["blurred"]
        sentences = [SENTENCES[problem] for problem in problems]
        raise SelfieRefused(
            " ".join(sentences),
            code="poor_quality",
            problems=problems,
        )
    face = result.faces[0]
    area = face.box.width * face.box.height
    if any(o.box.width * o.box.height >= SECOND_FACE_SHARE * area for o in others):
        raise SelfieRefused("There is more than one face.", code="several_faces")
    return JudgedSelfie(face, _advice(face))


def _advice(face: IndexedFace) -> list[str]:
    """Return what is poor about a face that was indexed all the same."""
    found = {
        "dark": face.brightness is not None and face.brightness < DIM,
        "blurred": face.sharpness is not None and face.sharpness < SOFT,
        "too_small": face.box.width < NARROW,
        "turned_away": max(abs(face.yaw), abs(face.pitch)) > TURNED,
    }
    return [problem for problem, holds in found.items() if holds]


async def add(
    conn: Connection, event_id: EventId, guest_id: GuestId, *, replaces: bool = True
) -> PendingSelfie:
    """Add a pending selfie that the calling request will have indexed.

    Once it is accepted and searched it *replaces* the earlier ones, or it joins them.

    If the request does not get that far, the job that is added here does it after CLAIM_SECONDS.
    """
    selfie_id = SelfieId(
        await conn.fetchval(
            """
            insert into selfie (guest_id, claimed_until, replaces)
            values ($1, now() + make_interval(secs => $2), $3) returning id""",
            guest_id,
            CLAIM_SECONDS,
            replaces,
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


async def release(conn: Connection, selfie: PendingSelfie) -> None:
    """Leave a pending selfie to its job."""
    await conn.execute("update selfie set claimed_until = null where id = $1", selfie.id)


async def leave_to_workers(conn: Connection, selfie: PendingSelfie) -> None:
    """Let the workers index a pending selfie as soon as the engine answers."""
    await release(conn, selfie)
    await conn.execute(
        """
        update job set run_at = now(), parked = true
         where selfie_id = $1 and kind = 'index_selfie' and state = 'queued'""",
        selfie.id,
    )


async def release_claims(conn: Connection) -> None:
    """Let the workers have all pending selfies: the requests that held them are gone."""
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
    """Claim an event's pending selfies that nobody else has claimed."""
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


async def accept(
    conn: Connection,
    event_id: EventId,
    collection_id: str,
    selfie: PendingSelfie,
    judged: JudgedSelfie,
) -> bool:
    """Make the face the guest's reference and queue its search; False if the guest is gone.

    CollectionSwitched if the event has switched to another collection since.

    The guest's earlier selfies stay until that search has an answer (see match_jobs). A poor
    selfie never replaces a good one: it is searched beside it. Selfies that are lost (see
    `selfie_pictures`) are replaced in any case: nothing could be compared with them.
    """
    updated = await conn.execute(
        """
        with other as (
            select other.advice,
                   exists (select from lost_selfie where lost_selfie.id = other.id) as lost
              from selfie join selfie as other on other.guest_id = selfie.guest_id
             where selfie.id = $1 and other.id < selfie.id and other.state = 'accepted')
        update selfie set state = 'accepted', problem = null, claimed_until = null, advice = $2,
               replaces = (replaces or coalesce((select bool_and(lost) from other), false))
                   and (cardinality($2::text[]) = 0
                        or not exists (select from other where advice = '{}' and not lost))
         where id = $1 and state <> 'refused'""",
        selfie.id,
        list(judged.advice),
    )
    if updated != "UPDATE 1":
        return False
    row = await conn.fetchrow(
        """
        update event set last_reference = last_reference + 1 where id = $1 and collection_id = $2
        returning last_reference, generation""",
        event_id,
        collection_id,
    )
    if row is None:
        raise CollectionSwitched
    added = await conn.execute(
        """
        insert into reference (event_id, guest_id, selfie_id, engine_face_id, number, generation,
                               indexed_at)
        values ($1, $2, $3, $4, $5, $6, clock_timestamp())
        on conflict (selfie_id) do nothing""",
        event_id,
        selfie.guest_id,
        selfie.id,
        judged.face.engine_face_id,
        row["last_reference"],
        row["generation"],
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


async def refuse(conn: Connection, selfie: PendingSelfie, problem: str) -> None:
    """Note why a selfie that was already received cannot be used; the guest's page shows it."""
    await conn.execute(
        "update selfie set state = 'refused', problem = $2, claimed_until = null where id = $1",
        selfie.id,
        problem,
    )
    await conn.execute("delete from image where selfie_id = $1 and size = 'original'", selfie.id)
    await _end_index_job(conn, selfie.id)


async def discard(conn: Connection, selfie: PendingSelfie) -> None:
    """Remove a selfie that was refused at once."""
    await conn.execute("delete from selfie where id = $1", selfie.id)


async def _end_index_job(conn: Connection, selfie_id: SelfieId) -> None:
    await conn.execute(
        """
        update job set state = 'done', finished_at = now()
         where selfie_id = $1 and kind = 'index_selfie' and state = 'queued'""",
        selfie_id,
    )


async def check_room(conn: Connection, guest_id: GuestId) -> None:
    """Raise TooManySelfies if a guest has reached the limit."""
    count = await conn.fetchval(
        "select count(*) from selfie where guest_id = $1 and state <> 'refused'", guest_id
    )
    if count >= MOST:
        raise TooManySelfies


async def list_of(conn: Connection, guest_id: GuestId) -> list[Record]:
    """Return a guest's selfies, newest first: id, state, problem, advice, created_at.

    *pictured* says whether the picture is kept, *lost* whether it needs another one instead.
    """
    return await conn.fetch(
        """
        select id, state, problem, advice, created_at,
               exists (select from image where selfie_id = selfie.id) as pictured,
               id in (select id from lost_selfie where guest_id = $1) as lost
          from selfie where guest_id = $1 order by id desc""",
        guest_id,
    )


async def remove(conn: Connection, guest_id: GuestId, selfie_id: SelfieId) -> list[EngineFaceId]:
    """Remove one of a guest's selfies with what was found from it; return vectors to forget.

    NotFound if it is not theirs, LastSelfie if nothing would be left to look for them with.
    """
    left = await conn.fetchval(
        "select count(*) from selfie where guest_id = $1 and id <> $2 and state <> 'refused'",
        guest_id,
        selfie_id,
    )
    faces = await conn.fetch("select engine_face_id from reference where selfie_id = $1", selfie_id)
    deleted = await conn.execute(
        "delete from selfie where guest_id = $1 and id = $2", guest_id, selfie_id
    )
    if deleted != "DELETE 1":
        raise NotFound
    if not left:
        raise LastSelfie
    return [EngineFaceId(row["engine_face_id"]) for row in faces]
