"""The demo's pictures: drawings that are installed with the package, and who is on which.

`make drawings` writes them; nothing here draws.
"""

import io
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

import orjson
from PIL import Image

from findme.media import images
from findme.media.images import Renditions
from findme.models import Box

#: Pictures that are decoded at the same time, in threads.
AT_A_TIME = 2


class _Described(TypedDict):
    file: str
    #: After the event's start.
    seconds: int
    #: Person, then left, top, width and height as shares of the picture.
    faces: list[tuple[int, float, float, float, float]]


class _Index(TypedDict):
    cast: list[str]
    selfies: list[str]
    wedding: list[_Described]
    gala: list[_Described]


@dataclass(frozen=True, slots=True)
class DemoPhoto:
    """A photo of the demo as a camera would deliver it, with its renditions."""

    jpeg: bytes
    renditions: Renditions
    width: int
    height: int
    #: When it was taken, in seconds after the event's start.
    seconds: int
    #: The people on it, by their index in `cast`, with their boxes.
    faces: Sequence[tuple[int, Box]]


def cast() -> list[str]:
    """Return the names of the people; the first one is the guest to look around as."""
    return _index()["cast"]


def read_selfies() -> list[bytes]:
    """Return a selfie of each of `cast`, as JPEG."""
    return [_jpeg(file) for file in _index()["selfies"]]


def read_wedding(count: int) -> list[DemoPhoto]:
    """Return *count* photos of the large event, spread evenly over it; all if there are fewer."""
    return _read(_index()["wedding"], count)


def read_gala(count: int) -> list[DemoPhoto]:
    """Return *count* photos of the small event, as `read_wedding`."""
    return _read(_index()["gala"], count)


@cache
def _index() -> _Index:
    index: _Index = orjson.loads(_folder().joinpath("pictures.json").read_bytes())
    return index


def _folder() -> Path:
    return Path(str(files("findme.demo"))) / "pictures"


def _read(described: Sequence[_Described], count: int) -> list[DemoPhoto]:
    count = min(count, len(described))
    chosen = [described[number * len(described) // count] for number in range(count)]
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="demo") as threads,
    ):
        return [*threads.map(lambda each: _photo(each, Path(folder)), chosen)]


def _photo(described: _Described, folder: Path) -> DemoPhoto:
    jpeg = _jpeg(described["file"])
    path = folder / described["file"]
    path.write_bytes(jpeg)
    probe = images.probe(path, 100_000_000)
    return DemoPhoto(
        jpeg,
        images.render(path, 100_000_000),
        probe.width,
        probe.height,
        described["seconds"],
        [(person, Box(*sides)) for person, *sides in described["faces"]],
    )


def _jpeg(file: str) -> bytes:
    out = io.BytesIO()
    with Image.open(_folder() / file) as picture:
        picture.save(out, "JPEG", quality=90)
    return out.getvalue()
