"""The one client of Rekognition: AWS itself, or our own face service behind the same protocol.

AWS errors are translated to ours here and only here. One semaphore bounds all calls; botocore
retries inside a slot, which is intended back-pressure; the durable job retries what still fails.

Before it waits for a slot, a call waits for its operation's token (see
recognition/rate_limiter.py); one call of each operation at a time does so, so that a sweep at its
quota delays no guest's selfie.
"""

import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.exceptions
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from findme.errors import BudgetSpent, EngineRefused, EngineUnavailable, StartError
from findme.models import EngineFaceId
from findme.recognition.answers import alike_faces, detected, index_result, searched_face
from findme.recognition.aws_session import make_session
from findme.recognition.call_meter import Meter
from findme.recognition.rate_limiter import Rates, Slots, is_aws
from findme.recognition.refusals import THROTTLED, CollectionMissing, CollectionThere, translated
from findme.recognition.types import AlikeFace, IndexResult, QualityFilter, SearchedFace, Similar

if TYPE_CHECKING:
    from types_aiobotocore_rekognition import RekognitionClient

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Attempts after the first of one call (rekognition-facts: standard mode).
RETRIES = 3
CONNECT_SECONDS = 5
READ_SECONDS = 30
#: Seconds that AWS may take until a search finds a new vector: not documented, our margin.
SETTLE_SECONDS = 5.0
#: The most matches a search returns; always asked for, since the default hides matches.
MAX_MATCHES = 4096
#: FaceIds of one DeleteFaces: more at once is throttled.
DELETE_BATCH = 500
#: More than an admin can set as calls in flight.
MOST_CONNECTIONS = 1000
#: Seconds for which calls fail at once after the engine was found unreachable.
OUTAGE_SECONDS = 2.0


class Rekognition:
    """The few calls that FindMe makes, each behind its operation's bucket and the semaphore."""

    def __init__(
        self,
        client: "RekognitionClient",
        *,
        limit: int,
        rates: Rates,
        meter: Meter,
        embedded: bool = False,
    ) -> None:
        self._client = client
        #: Calls in flight; an admin can change the limit.
        self.slots = Slots(limit)
        self._outage_until = 0.0
        self.region = client.meta.region_name
        #: Whether the engine is AWS itself, and not another server with its protocol.
        self.is_aws = is_aws(client.meta.endpoint_url)
        #: Whether the engine is our own face service: its calls cost nothing.
        self.embedded = embedded
        self.rates = rates
        self.meter = meter
        # called after each attempt, so that throttles before a successful retry are seen too
        client.meta.events.register("needs-retry.rekognition", self._note_attempt)

    @property
    def name(self) -> str:
        """Which engine this is: `embedded`, or `aws:<region>`."""
        return "embedded" if self.embedded else f"aws:{self.region}"

    @property
    def selfie_filter(self) -> QualityFilter:
        """Return the filter for selfies: only a face that could match nothing is refused.

        AWS does not say what its AUTO drops, so there every face is taken.
        """
        return QualityFilter.AUTO if self.embedded else QualityFilter.NONE

    async def create_collection(self, collection_id: str) -> str:
        """Create the collection, or keep an existing one; return its face model's version."""
        try:
            answer = await self._call(
                "CreateCollection", self._client.create_collection, CollectionId=collection_id
            )
        except CollectionThere:
            log.info("[AWS] Collection %s is there already", collection_id)
            answer = await self._call(
                "DescribeCollection", self._client.describe_collection, CollectionId=collection_id
            )
        return str(answer.get("FaceModelVersion", ""))

    async def face_model(self) -> str:
        """Return the version of the face model that a new collection gets.

        No call returns it, so a collection is created for the purpose, and deleted.
        """
        probe = f"findme-probe-{uuid.uuid4().hex}"
        version = await self.create_collection(probe)
        await self.delete_collection(probe)
        return version

    async def delete_collection(self, collection_id: str) -> None:
        """Delete the collection with all its vectors; no error if it is gone."""
        try:
            await self._call(
                "DeleteCollection", self._client.delete_collection, CollectionId=collection_id
            )
        except CollectionMissing:
            log.info("[AWS] Collection %s is gone already", collection_id)

    async def face_count(self, collection_id: str) -> int:
        """Return how many vectors the collection holds; 0 if it is gone."""
        try:
            answer = await self._call(
                "DescribeCollection", self._client.describe_collection, CollectionId=collection_id
            )
        except CollectionMissing:
            return 0
        return int(answer["FaceCount"])

    async def index_faces(
        self,
        collection_id: str,
        jpeg: bytes,
        external_id: str,
        *,
        quality: QualityFilter = QualityFilter.AUTO,
        max_faces: int | None = None,
    ) -> IndexResult:
        """Index the faces of a picture (JPEG, upright, under 5 MB); twice adds nothing.

        With *max_faces*, further faces are returned as unindexed, reason EXCEEDS_MAX_FACES.
        """
        answer = await self._call(
            "IndexFaces",
            self._client.index_faces,
            CollectionId=collection_id,
            Image={"Bytes": jpeg},
            ExternalImageId=external_id,
            QualityFilter=quality.value,
            DetectionAttributes=["DEFAULT", "FACE_OCCLUDED"],
            **({} if max_faces is None else {"MaxFaces": max_faces}),
        )
        return index_result(answer)

    async def search_faces(
        self, collection_id: str, face_id: EngineFaceId, *, threshold: float
    ) -> list[Similar]:
        """Return the faces of the collection at least *threshold* (0..100) similar, best first."""
        answer = await self._call(
            "SearchFaces",
            self._client.search_faces,
            CollectionId=collection_id,
            FaceId=face_id,
            MaxFaces=MAX_MATCHES,
            FaceMatchThreshold=threshold,
        )
        return [
            Similar(EngineFaceId(match["Face"]["FaceId"]), match["Similarity"])
            for match in answer["FaceMatches"]
            if match["Face"]["FaceId"] != face_id
        ]

    async def detect_faces(
        self, collection_id: str, jpeg: bytes, *, quality: QualityFilter
    ) -> IndexResult:
        """Find the faces of a picture; the engine keeps nothing of them.

        A face that is hardly one is returned as unindexed, unless *quality* asks for all. The call
        is counted for the collection.
        """
        answer = await self._call(
            "DetectFaces",
            self._client.detect_faces,
            collection_id,
            Image={"Bytes": jpeg},
            Attributes=["DEFAULT"],
        )
        return detected(answer, quality)

    async def search_by_picture(
        self, collection_id: str, jpeg: bytes, *, threshold: float
    ) -> SearchedFace | None:
        """Search for the largest face of a picture, of which the engine keeps nothing.

        None if the engine sees no face. The faces of the collection that are at least *threshold*
        (0..100) similar come with it.
        """
        try:
            answer = await self._call(
                "SearchFacesByImage",
                self._client.search_faces_by_image,
                CollectionId=collection_id,
                Image={"Bytes": jpeg},
                MaxFaces=MAX_MATCHES,
                FaceMatchThreshold=threshold,
                QualityFilter=QualityFilter.NONE.value,
            )
        except EngineRefused as refused:
            log.info("[AWS] No face to search for: %s", refused)
            return None
        return searched_face(answer)

    async def similarity(self, source: bytes, target: bytes) -> float:
        """Return how similar (0..100) the largest faces of two pictures are; 0 if one has none."""
        found = await self.compare(source, target, threshold=0.0)
        # the others are in the background, and may be whoever
        largest = max(found, key=lambda face: face.box.width * face.box.height, default=None)
        return 0.0 if largest is None else largest.similarity

    async def compare(self, source: bytes, target: bytes, *, threshold: float) -> list[AlikeFace]:
        """Return the faces of a picture at least *threshold* similar to the source's largest."""
        answer = await self._call(
            "CompareFaces",
            self._client.compare_faces,
            SourceImage={"Bytes": source},
            TargetImage={"Bytes": target},
            SimilarityThreshold=threshold,
            QualityFilter=QualityFilter.NONE.value,
        )
        return alike_faces(answer)

    async def delete_faces(self, collection_id: str, face_ids: Sequence[EngineFaceId]) -> None:
        """Delete vectors; no error if they or the collection are gone."""
        for start in range(0, len(face_ids), DELETE_BATCH):
            try:
                await self._call(
                    "DeleteFaces",
                    self._client.delete_faces,
                    CollectionId=collection_id,
                    FaceIds=list(face_ids[start : start + DELETE_BATCH]),
                )
            except CollectionMissing:
                return

    async def ping(self) -> None:
        """Raise EngineUnavailable if the engine does not answer, or BudgetSpent."""
        if self.meter.paused:
            raise BudgetSpent
        await self._call("ListCollections", self._client.list_collections, MaxResults=1)

    async def _call(
        self,
        name: str,
        method: Callable[..., Awaitable[Any]],
        bill_to: str = "",
        /,
        **arguments: object,
    ) -> Any:
        await self._admit(name)
        try:
            # what other calls found out while this one waited for its turn
            self._check(name)
            with self.meter.counting(name, str(arguments.get("CollectionId", bill_to))):
                return await method(**arguments)
        except botocore.exceptions.ClientError as error:
            raise translated(error) from error
        except (botocore.exceptions.BotoCoreError, OSError) as error:
            # no connection, no credentials, no answer in time
            self._outage_until = time.monotonic() + OUTAGE_SECONDS
            log.warning("[AWS] %s: the face engine cannot be reached: %s", name, error)
            raise EngineUnavailable from error
        finally:
            self.slots.release()

    async def _admit(self, name: str) -> None:
        """Wait for the operation's turn, its token and a slot, in this order."""
        bucket = self.rates.of(name)
        async with bucket.turn:
            # in an outage all waiting calls fail at once, without a token
            self._check(name)
            await bucket.take()
            await self.slots.acquire()

    def _check(self, name: str) -> None:
        if time.monotonic() < self._outage_until:
            raise EngineUnavailable
        self.meter.check(name)

    def _note_attempt(
        self, response: tuple[object, Mapping[str, Any]] | None, operation: Any, **_: object
    ) -> None:
        """Slow the operation down if an attempt of it was throttled (a botocore hook)."""
        if response is not None and response[1].get("Error", {}).get("Code") in THROTTLED:
            self.meter.throttled += 1
            self.rates.of(operation.name).slow()


@asynccontextmanager
async def open_client(
    *,
    limit: int,
    endpoint_url: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    embedded: bool = False,
    calls_per_second: float | None = None,
    budget_usd: float | None = None,
    session: AioSession | None = None,
) -> AsyncIterator[Rekognition]:
    """Open the client; credentials and region that are not given are found as AWS's tools do.

    Without a *session*, which costs 10 ms of CPU to make, it gets one of its own.

    *calls_per_second* replaces the default pace (see recognition/rate_limiter.py); *budget_usd*
    limits the cost of a month's calls (see recognition/call_meter.py); those of the *embedded*
    engine are free.
    """
    config = AioConfig(
        retries={"mode": "standard", "max_attempts": RETRIES},
        # the slots are the limit, which may be raised later
        max_pool_connections=MOST_CONNECTIONS,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        # loopback never goes through a proxy
        **({"proxies": {}} if endpoint_url else {}),
    )
    try:
        async with (session or make_session()).create_client(
            "rekognition",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            config=config,
        ) as client:
            meta = client.meta
            log.info("[FaceRecognition][AWS] Using region: %s", meta.region_name)
            rates = Rates(meta.region_name, aws=is_aws(meta.endpoint_url), setting=calls_per_second)
            meter = Meter(paid=not embedded, budget_usd=budget_usd)
            yield Rekognition(client, limit=limit, rates=rates, meter=meter, embedded=embedded)
    except botocore.exceptions.NoRegionError as error:
        raise StartError("FACE_ENGINE=aws needs a region: set AWS_REGION.") from error
