"""Somebody who is no guest asks to be kept out of an event's gallery."""

from dataclasses import dataclass

from findme import db
from findme.accounts import selfies
from findme.accounts.sign_in import Origin
from findme.cache import Cache
from findme.db import Pool
from findme.errors import (
    ConsentRequired,
    EngineRefused,
    EngineUnavailable,
    SelfieRefused,
    TooManyAttempts,
)
from findme.gallery import events, keep_outs
from findme.models import Event
from findme.recognition.types import IndexResult, QualityFilter, UnindexedFace
from findme.rekognition import Rekognition
from findme.workers import Workers

#: Requests in an hour from one address, and in a day about one event: each may take photos out of
#: the gallery, and on AWS each is a paid search.
MAX_OF_ADDRESS, ADDRESS_SECONDS = 10, 3600
MAX_OF_EVENT, EVENT_SECONDS = 50, 86_400


@dataclass(frozen=True, slots=True)
class KeepingOut:
    """Takes in requests, which a job answers; nobody is told whether they are on a photo."""

    pool: Pool
    cache: Cache
    faces: Rekognition
    workers: Workers

    async def check_may_ask(self, code: str, origin: Origin) -> Event:
        """Return the event of the code; call it before the form is read.

        NotFound, TooManyAttempts.
        """
        async with db.acquire(self.pool) as conn:
            event = await events.get_by_code(conn, code)
        for key, seconds, most in (
            (f"keep-out:{origin.address}", ADDRESS_SECONDS, MAX_OF_ADDRESS),
            (f"keep-out-of:{event.id}", EVENT_SECONDS, MAX_OF_EVENT),
        ):
            if await self.cache.count_attempt(key, seconds=seconds) > most:
                raise TooManyAttempts
        return event

    async def ask(self, event: Event, *, consented: bool, jpeg: bytes | None) -> None:
        """Store the selfie until it is compared with the photos that are there.

        ConsentRequired, SelfieRefused; without an answer of the engine it is taken as it is.
        """
        if not consented:
            raise ConsentRequired
        if jpeg is None:
            raise SelfieRefused("The selfie is missing.", code="no_face")
        try:
            seen = await self.faces.detect_faces(
                event.collection_id, jpeg, quality=QualityFilter.AUTO
            )
            selfies.judge(_as_indexed(seen))
        except EngineUnavailable:
            self.workers.note_outage()
        except EngineRefused as problem:
            raise SelfieRefused(str(problem), code="invalid_image") from problem
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event.id)
            await keep_outs.add(conn, event.id, jpeg)
        self.workers.wake()


def _as_indexed(seen: IndexResult) -> IndexResult:
    """Return what indexing one face of the picture would have said."""
    others = [
        UnindexedFace(face.box, face.confidence, ["EXCEEDS_MAX_FACES"]) for face in seen.faces[1:]
    ]
    return IndexResult(seen.faces[:1], [*others, *seen.unindexed])
