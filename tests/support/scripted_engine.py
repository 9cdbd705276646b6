"""A Rekognition endpoint over a made-up world: it counts, and misbehaves when told to.

Pictures carry their people as black and white fields, so whatever is encoded anew on the way still
says who is on it. Two faces of one person are 99 similar, those of two people 55, but for those who
are said to be alike.
"""

import asyncio
import base64
import io
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import orjson
from aiohttp import web
from PIL import Image

from findme.recognition.refusals import OUTDATED

SAME, OTHER = 99.0, 55.0
#: Fields of a picture: each row is a face (a mark, then its person in binary), the last two rows
#: only make the picture different from others.
COLUMNS, ROWS, FIELD, MOST_FACES = 12, 8, 16, 6
_PAID = ("IndexFaces", "SearchFaces", "SearchFacesByImage", "CompareFaces")
_NAMESPACE = uuid.UUID("6a0e8f2c-43a5-4d6a-9d43-0c7f3c1d9b11")


def picture(*people: int, serial: int = 0) -> bytes:
    """Return a JPEG that shows these people (0..2047); another serial gives other bytes."""
    assert len(people) <= MOST_FACES
    rows = [1 << COLUMNS - 1 | person for person in people]
    rows += [0] * (MOST_FACES - len(rows)) + [serial >> COLUMNS & 0xFFF, serial & 0xFFF]
    fields = bytes(
        255 * (row >> COLUMNS - 1 - column & 1) for row in rows for column in range(COLUMNS)
    )
    small = Image.frombytes("L", (COLUMNS, ROWS), fields)
    out = io.BytesIO()
    small.resize((COLUMNS * FIELD, ROWS * FIELD), Image.Resampling.NEAREST).convert("RGB").save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


def people_on(jpeg: bytes) -> list[int]:
    """Return whom a picture shows, at whatever size and quality it arrives."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        small = opened.convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX).tobytes()
    rows = [small[start : start + COLUMNS] for start in range(0, len(small), COLUMNS)]
    numbers = [int("".join("01"[value > 127] for value in row), 2) for row in rows[:MOST_FACES]]
    return [number & (1 << COLUMNS - 1) - 1 for number in numbers if number >> COLUMNS - 1]


class Fault(Enum):
    """What can go wrong with one call."""

    THROTTLE = auto()
    SLOW_DOWN = auto()
    ERROR = auto()
    UNAVAILABLE = auto()
    #: No answer until the caller gives up.
    STALL = auto()
    #: Done, but the answer never arrives.
    LOST = auto()


_ANSWERS = {
    Fault.THROTTLE: (400, "ProvisionedThroughputExceededException", "Provisioned Rate exceeded."),
    Fault.SLOW_DOWN: (500, "ThrottlingException", "Service Unavailable"),
    Fault.ERROR: (500, "InternalServerError", "Something broke."),
}


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Face:
    """A vector of a collection."""

    id: str
    external_id: str
    person: int
    row: int
    #: Share of the picture's width that it covers.
    width: float = 1.0

    def as_json(self) -> dict[str, object]:
        return {
            "FaceId": self.id,
            "ExternalImageId": self.external_id,
            "ImageId": self.id,
            "Confidence": 99.9,
            "BoundingBox": {
                "Left": 0.0,
                "Top": self.row / ROWS,
                "Width": self.width,
                "Height": 1 / ROWS,
            },
        }


async def _nothing(_operation: str) -> None:
    pass


@dataclass
class Scripted:
    """The endpoint: its world, its counters and its script."""

    #: Asked at each call, with the operation; None lets it through.
    script: Callable[[str], Fault | None] = lambda _operation: None
    #: Seconds that each call takes.
    latency: float = 0.0
    #: A new vector is no search's answer before `settle` is called.
    lags: bool = False
    #: People who resemble each other, and how much: {frozenset({1, 2}): 93}.
    alike: dict[frozenset[int], float] = field(default_factory=dict)
    #: People whose faces are small, and which share of the picture's width they cover.
    widths: dict[int, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    collections: dict[str, dict[str, Face]] = field(default_factory=dict)
    #: What new collections are made with; nothing is indexed into those of another model.
    face_model: str = "7.0"
    models: dict[str, str] = field(default_factory=dict)
    #: Called with the operation before and after its effect.
    before: Callable[[str], Awaitable[None]] = _nothing
    after: Callable[[str], Awaitable[None]] = _nothing
    port: int = 0
    _fresh: set[str] = field(default_factory=set)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paid(self) -> int:
        """How many calls cost money."""
        return sum(self.calls[name] for name in _PAID)

    @property
    def faces(self) -> dict[str, Face]:
        """All vectors, by id."""
        return {face.id: face for held in self.collections.values() for face in held.values()}

    def similarity(self, one: int, other: int) -> float:
        """Return how similar the faces of two people are."""
        return SAME if one == other else self.alike.get(frozenset((one, other)), OTHER)

    def settle(self) -> None:
        """Let searches find what was indexed so far."""
        self._fresh.clear()

    async def up(self) -> None:
        """Answer, on the same port as before."""
        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.calls[operation] += 1
        body = orjson.loads(await request.read())
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self.script(operation)
        if fault is Fault.STALL:
            await asyncio.Event().wait()
        if fault is Fault.UNAVAILABLE:
            return web.Response(status=503)
        if fault in _ANSWERS:
            return _error(*_ANSWERS[fault])
        await self.before(operation)
        try:
            answer = _OPERATIONS[operation](self, body)
        except _Refused as refusal:
            return _error(400, refusal.code, "Refused.")
        await self.after(operation)
        if fault is Fault.LOST and request.transport is not None:
            request.transport.abort()
        return _json(200, answer)

    def _held(self, body: Mapping[str, Any]) -> dict[str, Face]:
        try:
            return self.collections[body["CollectionId"]]
        except KeyError as error:
            raise _Refused("ResourceNotFoundException") from error

    def _create(self, body: Mapping[str, Any]) -> dict[str, object]:
        if body["CollectionId"] in self.collections:
            raise _Refused("ResourceAlreadyExistsException")
        self.collections[body["CollectionId"]] = {}
        self.models[body["CollectionId"]] = self.face_model
        return {"StatusCode": 200, "FaceModelVersion": self.face_model}

    def _delete(self, body: Mapping[str, Any]) -> dict[str, object]:
        self._held(body)
        del self.collections[body["CollectionId"]]
        return {"StatusCode": 200}

    def _describe(self, body: Mapping[str, Any]) -> dict[str, object]:
        held = self._held(body)
        return {"FaceCount": len(held), "FaceModelVersion": self.models[body["CollectionId"]]}

    def _list(self, _body: Mapping[str, Any]) -> dict[str, object]:
        return {"CollectionIds": sorted(self.collections), "FaceModelVersions": ["7.0"]}

    def _list_faces(self, body: Mapping[str, Any]) -> dict[str, object]:
        """One face a page."""
        held = sorted(self._held(body))
        at = int(body.get("NextToken", "0"))
        more = {"NextToken": str(at + 1)} if at + 1 < len(held) else {}
        return {"Faces": [{"FaceId": each} for each in held[at : at + 1]], **more}

    def _index(self, body: Mapping[str, Any]) -> dict[str, object]:
        held, external_id = self._held(body), body["ExternalImageId"]
        if self.models[body["CollectionId"]] != self.face_model:
            raise _Refused(OUTDATED)
        faces = [
            Face(
                # another vector in another collection, the same one when it is indexed twice
                str(uuid.uuid5(_NAMESPACE, f"{body['CollectionId']}/{external_id}/{row}")),
                external_id,
                person,
                row,
                self.widths.get(person, 1.0),
            )
            for row, person in enumerate(people_on(base64.b64decode(body["Image"]["Bytes"])))
        ]
        kept = faces[: body.get("MaxFaces", MOST_FACES)]
        if self.lags:
            self._fresh |= {face.id for face in kept} - held.keys()
        held.update({face.id: face for face in kept})
        return {
            "FaceRecords": [
                {
                    "Face": face.as_json(),
                    "FaceDetail": {
                        "BoundingBox": face.as_json()["BoundingBox"],
                        "Confidence": 99.9,
                        "Quality": {"Brightness": 80.0, "Sharpness": 80.0},
                    },
                }
                for face in kept
            ],
            "UnindexedFaces": [
                {
                    "Reasons": ["EXCEEDS_MAX_FACES"],
                    "FaceDetail": {
                        "BoundingBox": face.as_json()["BoundingBox"],
                        "Confidence": 99.9,
                    },
                }
                for face in faces[len(kept) :]
            ],
            "FaceModelVersion": "7.0",
        }

    def _search(self, body: Mapping[str, Any]) -> dict[str, object]:
        held = self._held(body)
        if body["FaceId"] not in held:
            raise _Refused("InvalidParameterException")
        person = held[body["FaceId"]].person
        found = [
            {"Similarity": similarity, "Face": face.as_json()}
            for face in held.values()
            if face.id != body["FaceId"] and face.id not in self._fresh
            for similarity in [self.similarity(face.person, person)]
            if similarity >= body.get("FaceMatchThreshold", 80)
        ]
        found.sort(key=lambda match: str(match["Similarity"]), reverse=True)
        return {
            "SearchedFaceId": body["FaceId"],
            "FaceMatches": found[: body["MaxFaces"]],
            "FaceModelVersion": "7.0",
        }

    def _compare(self, body: Mapping[str, Any]) -> dict[str, object]:
        source, *_ = people_on(base64.b64decode(body["SourceImage"]["Bytes"]))
        return {
            "FaceMatches": [
                {
                    "Similarity": self.similarity(source, person),
                    "Face": Face("", "", person, row, self.widths.get(person, 1.0)).as_json(),
                }
                for row, person in enumerate(
                    people_on(base64.b64decode(body["TargetImage"]["Bytes"]))
                )
            ],
            "UnmatchedFaces": [],
        }

    def _forget(self, body: Mapping[str, Any]) -> dict[str, object]:
        held = self._held(body)
        return {"DeletedFaces": [face for face in body["FaceIds"] if held.pop(face, None)]}


_OPERATIONS: Mapping[str, Callable[[Scripted, Mapping[str, Any]], dict[str, object]]] = {
    "CreateCollection": Scripted._create,
    "DeleteCollection": Scripted._delete,
    "DescribeCollection": Scripted._describe,
    "ListCollections": Scripted._list,
    "ListFaces": Scripted._list_faces,
    "IndexFaces": Scripted._index,
    "SearchFaces": Scripted._search,
    "CompareFaces": Scripted._compare,
    "DeleteFaces": Scripted._forget,
}


def _json(status: int, body: dict[str, object]) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/x-amz-json-1.1"
    )


def _error(status: int, code: str, message: str) -> web.Response:
    return _json(status, {"__type": code, "Message": message})


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """Run an endpoint until the block ends."""
    endpoint = Scripted()
    await endpoint.up()
    try:
        yield endpoint
    finally:
        await endpoint.down()
