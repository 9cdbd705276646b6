"""FindMe beside `face_recognition` and its own former chain, over the same photos in one run.

Two photos at a time on two cores. dlib holds the interpreter lock, so `face_recognition`'s way gets
two processes where the others have two threads. They take turns, a slice of the photos each, so
that whatever else the machine does meets all.
"""

import asyncio
import io
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from findme.engine.decoding import open_picture
from tests.bench.recognisers import (
    Described,
    FaceRecognition,
    Recogniser,
    by_face_recognition,
    recognisers,
)
from tests.support.pictures import labelled

AT_ONCE = 2
SLICE = 11
Rows = list[tuple[str, str]]
Degrade = Callable[[Image.Image, float], Image.Image]
"""Takes a picture and the side of its face in pixels."""


async def measure() -> Rows:
    """Return the report."""
    return await asyncio.to_thread(compare)


def compare() -> Rows:
    """Let all of them look at every labelled photo, then at every selfie, made worse in turn."""
    ways = recognisers()
    with ExitStack() as stack:
        spawn = multiprocessing.get_context("spawn")
        processes = stack.enter_context(ProcessPoolExecutor(AT_ONCE, spawn))
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        looks: list[tuple[Executor, Callable[[bytes], Described]]] = [
            (processes, by_face_recognition) if isinstance(way, FaceRecognition) else (threads, way)
            for way in ways
        ]
        photos = [path.read_bytes() for path in labelled().faces]
        for pool, look in looks:  # processes started, models loaded
            list(pool.map(look, photos[:AT_ONCE]))
        seconds = [0.0] * len(ways)
        described: list[list[Described]] = [[] for _ in ways]
        for start in range(0, len(photos), SLICE):
            for number, (pool, look) in enumerate(looks):
                begun = time.perf_counter()
                described[number] += pool.map(look, photos[start : start + SLICE])
                seconds[number] += time.perf_counter() - begun
        rows = list(speed_and_faces(ways, seconds, described))
        for name, pictures in degraded_selfies(ways[0]):
            for way, (pool, look), photo_faces in zip(ways, looks, described, strict=True):
                selfies = list(pool.map(look, pictures))
                rows.append((f"{name}: {way.name}", matches(way, selfies, photo_faces)))
    return rows


def speed_and_faces(
    ways: list[Recogniser], seconds: list[float], described: list[list[Described]]
) -> Iterator[tuple[str, str]]:
    """Write photos a second, and faces found of those that are there."""
    limits = list(labelled().faces.values())
    former = seconds[-1]
    for way, took, photos in zip(ways, seconds, described, strict=True):
        counts = [len(photo.sides) for photo in photos]
        found = sum(min(count, least) for count, (least, _) in zip(counts, limits, strict=True))
        beyond = sum(max(0, count - most) for count, (_, most) in zip(counts, limits, strict=True))
        clear = sum(least for least, _ in limits)
        rate = f"{len(photos) / took:.1f} photos/s ({former / took:.2f} of the dlib chain)"
        yield f"photos: {way.name}", f"{rate}, {found} of {clear} clear faces, {beyond} too many"


def degraded_selfies(reference: Recogniser) -> Iterator[tuple[str, list[bytes]]]:
    """Yield each way to make selfies worse with its JPEGs; *reference* says how large faces are."""
    ways: dict[str, Degrade] = {
        "selfies as they are": lambda picture, side: picture,
        "30 px": lambda picture, side: few_pixels(picture, 30 / side),
        "20 px": lambda picture, side: few_pixels(picture, 20 / side),
        "blur 3 %": lambda picture, side: picture.filter(ImageFilter.GaussianBlur(0.03 * side)),
        "a tenth of the light": lambda picture, side: picture.point(
            [round(value / 10) for value in range(256)] * 3
        ),
        "tilt 20": lambda picture, side: tilted(picture, 20),
        "on the side": lambda picture, side: picture.transpose(Image.Transpose.ROTATE_90),
        "on the head": lambda picture, side: picture.transpose(Image.Transpose.ROTATE_180),
        "mirror": lambda picture, side: ImageOps.mirror(picture),
        "grey": lambda picture, side: picture.convert("L").convert("RGB"),
    }
    selfies = [path.read_bytes() for path in labelled().selfies.values()]
    sides = [reference(data).sides[0] for data in selfies]
    pictures = [open_picture(data) for data in selfies]
    for name, degrade in ways.items():
        yield (
            name,
            [jpeg(degrade(picture, side)) for picture, side in zip(pictures, sides, strict=True)],
        )


def few_pixels(picture: Image.Image, scale: float) -> Image.Image:
    """Reduce by *scale* and enlarge again, as a page does with a small camera picture."""
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BICUBIC)


def tilted(picture: Image.Image, degrees: float) -> Image.Image:
    """Turn clockwise, with grey corners."""
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="#808080")


def jpeg(picture: Image.Image) -> bytes:
    """Encode as phones do."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def matches(way: Recogniser, selfies: list[Described], photos: list[Described]) -> str:
    """Precision and recall of selfies (their largest face) against photos, direct matches alone."""
    truth = labelled()
    same = np.array([[name in names for names in truth.people.values()] for name in truth.selfies])
    apart = np.full(same.shape, np.inf)
    for row, selfie in enumerate(selfies):
        for column, photo in enumerate(photos):
            if len(selfie.vectors) and len(photo.vectors):
                apart[row, column] = distances(photo.vectors, selfie.vectors[0]).min()
    parts = [shelf(apart <= way.sure, same)]
    if way.maybe != way.sure:
        parts.append(f"with maybe {shelf(apart <= way.maybe, same)}")
    if missing := sum(not selfie.sides for selfie in selfies):
        parts.append(f"{missing} without a face")
    return "; ".join(parts)


def distances(vectors: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances of *vectors* (n x 128) from one."""
    apart: NDArray[np.float32] = np.linalg.norm(vectors - vector, axis=1)
    return apart


def shelf(matched: NDArray[np.bool_], same: NDArray[np.bool_]) -> str:
    """Write precision, recall and wrong pairs."""
    right = int((matched & same).sum())
    wrong = int(matched.sum()) - right
    precision = right / (right + wrong) if right + wrong else 1.0
    return f"precision {precision:.3f}, recall {right / same.sum():.3f}, {wrong} wrong"
