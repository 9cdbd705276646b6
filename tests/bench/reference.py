"""The engine beside `face_recognition`'s way, over the same photos on the same two cores.

That way is written here on dlib itself: the HOG detector with its picture enlarged once, photos of
at most 1600 pixels, five landmarks, one descriptor of a face. dlib holds the interpreter lock, so
it gets two processes where the engine has two threads. They take turns, a slice of the photos
each, so that whatever else the machine does meets both.
"""

import asyncio
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from findme.engine import weights
from findme.engine.detections import Detections
from findme.engine.faces import Analyst
from findme.engine.quality_filter import reasons
from findme.engine.weights import Source
from tests.support.pictures import labelled

SIDE = 1600
LANDMARKS = Source(
    "face_recognition_models",
    "models/shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)
FACE_NETWORK = Source(
    "face_recognition_models",
    "models/dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)
AT_ONCE = 2
SLICE = 11
Rows = list[tuple[str, str]]


@dataclass(slots=True)
class Looked:
    """What looking at photos gave, and what it cost in seconds of processor time."""

    faces: int = 0
    whole: float = 0.0
    describing: float = 0.0
    """Of it, landmarks, chips and network."""
    network: float = 0.0
    described: int = 0
    """Faces that got a vector, kept or not."""
    chips: int = 0
    """How many the network was given for them."""
    found: int = 0
    """Of the clear faces, counted photo by photo."""
    beyond: int = 0
    """More than are there."""

    def __iadd__(self, other: "Looked") -> "Looked":
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


async def measure() -> Rows:
    """Return the figures as ratios."""
    return await asyncio.to_thread(compare)


def compare() -> Rows:
    """Let both look at every labelled photo."""
    truth = labelled().faces
    with tempfile.TemporaryDirectory(prefix="findme-bench-") as folder, ExitStack() as stack:
        analyst = TimedAnalyst.load(Path(folder))
        processes = stack.enter_context(
            ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn"))
        )
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        photos = [path.read_bytes() for path in truth]
        ways: list[tuple[Executor, Callable[[bytes], Looked]]] = [
            (processes, by_dlib),
            (threads, analyst.look),
        ]
        for pool, look in ways:  # models loaded, processes started
            list(pool.map(look, photos[:AT_ONCE]))
        seconds, looked = [0.0, 0.0], [Looked(), Looked()]
        limits = list(truth.values())
        for start in range(0, len(photos), SLICE):
            part = slice(start, start + SLICE)
            for way, (pool, look) in enumerate(ways):
                begun = time.perf_counter()
                answers = list(pool.map(look, photos[part]))
                seconds[way] += time.perf_counter() - begun
                looked[way] += judged(answers, limits[part])
    return list(rows(len(photos), sum(least for least, _ in limits), seconds, looked))


def judged(answers: Sequence[Looked], limits: Sequence[tuple[int, int]]) -> Looked:
    """Add up, counting faces against the least and the most that are right on each photo."""
    total = Looked()
    for looked, (least, most) in zip(answers, limits, strict=True):
        looked.found = min(looked.faces, least)
        looked.beyond = max(0, looked.faces - most)
        total += looked
    return total


def rows(
    photos: int, clear: int, seconds: Sequence[float], looked: Sequence[Looked]
) -> Iterator[tuple[str, str]]:
    """Write the figures: the reference, the engine, how many times better."""
    cost: dict[str, Callable[[Looked], float]] = {
        "CPU a photo": lambda one: one.whole / photos,
        "CPU to describe a face": lambda one: one.describing / max(1, one.described),
        "CPU of the network, a face": lambda one: one.network / max(1, one.described),
        "CPU of the network, a chip": lambda one: one.network / max(1, one.chips),
    }
    dlib_rate, engine_rate = (photos / wall for wall in seconds)
    yield (
        "photos a second: dlib, engine",
        f"{dlib_rate:.1f}, {engine_rate:.1f}: {engine_rate / dlib_rate:.1f} times",
    )
    for name, of in cost.items():
        theirs, ours = (of(one) for one in looked)
        yield (
            f"{name}: dlib, engine",
            f"{1e3 * theirs:.1f}, {1e3 * ours:.1f} ms: {theirs / ours:.1f}",
        )
    both = [f"{one.found} and {one.beyond}" for one in looked]
    yield f"of {clear} clear faces found, and too many: dlib, engine", ", ".join(both)


class TimedAnalyst(Analyst):
    """The engine's own analyst, with a clock at each step; may be used from many threads."""

    def __init__(self, *models: Any) -> None:
        super().__init__(*models)
        self._seen = threading.local()

    def look(self, data: bytes) -> Looked:
        """Look at a photo as IndexFaces does."""
        looked = self._seen.looked = Looked()
        begun = time.thread_time()
        faces = self.faces(data)
        looked.faces = sum(not reasons(face, "AUTO") for face in faces)
        looked.whole = time.thread_time() - begun
        return looked

    def cut(self, picture: Image.Image, found: Detections) -> NDArray[np.uint8]:
        """Count and time the chips."""
        begun = time.thread_time()
        chips = super().cut(picture, found)
        self._seen.looked.describing += time.thread_time() - begun
        self._seen.looked.described += len(found)
        self._seen.looked.chips += len(chips)
        return chips

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Time the network."""
        begun = time.thread_time()
        vectors = super().embed(chips)
        took = time.thread_time() - begun
        self._seen.looked.network += took
        self._seen.looked.describing += took
        return vectors


@cache
def dlib_models() -> tuple[Any, Any, Any]:
    """Load detector, landmarks and network, once a process."""
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(weights.locate(LANDMARKS))),
        dlib.face_recognition_model_v1(str(weights.locate(FACE_NETWORK))),
    )


def by_dlib(data: bytes) -> Looked:
    """Look at a photo as face_recognition does: HOG, upsampled once, one descriptor of a face."""
    detector, landmarks, network = dlib_models()
    begun = time.thread_time()
    picture = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    pixels = np.asarray(picture)
    looked = Looked()
    for box in detector(pixels, 1):
        found = time.thread_time()
        chip = dlib.get_face_chip(pixels, landmarks(pixels, box))
        cut = time.thread_time()
        network.compute_face_descriptor(chip)
        embedded = time.thread_time()
        looked.faces += 1
        looked.described += 1
        looked.chips += 1
        looked.network += embedded - cut
        looked.describing += embedded - found
    looked.whole = time.thread_time() - begun
    return looked
