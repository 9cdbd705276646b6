"""Pictures as pixels, decoded in a child: this process reads nothing that a stranger made."""

from dataclasses import dataclass
from mmap import mmap
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from PIL import Image

from findme.engine.decoding import LEAST_SIDE, WORKING_SIDE
from findme.engine.errors import (
    ImageTooLargeException,
    InternalServerError,
    InvalidImageFormatException,
    InvalidParameterException,
    Refusal,
)
from findme.engine.picture_tasks import DECODE
from findme.pixels import sealed_files
from findme.pixels.gate import Urgency
from findme.pixels.header import Reason
from findme.pixels.lane import Answer, Deadline, Lane, LaneUnavailable, PictureRefused
from findme.pixels.memory import MIB
from findme.pixels.sealed_files import BadFile
from findme.pixels.worker import ChildKind

MEMORY: Final = 544 * MIB
"""What the decoding of one picture may take: a JPEG of 200 megapixels does not need it all."""
NICENESS: Final = 5
DEADLINE: Final = Deadline(20, 10)
_MOST_BYTES: Final = 3 * WORKING_SIDE**2

_Side = Annotated[int, Meta(ge=1, le=WORKING_SIDE)]


class _Size(msgspec.Struct, frozen=True):
    width: _Side
    height: _Side


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture's RGB values, in a file in memory."""

    width: int
    height: int
    values: mmap

    def picture(self) -> Image.Image:
        """Return the picture, once: the file is closed. Copies it, so call it in a thread."""
        with self.values as values, memoryview(values) as view:
            return Image.frombytes("RGB", (self.width, self.height), view)


class PictureReader:
    """One child; pictures are decoded one after the other."""

    def __init__(self) -> None:
        kind = ChildKind("findme.engine.picture_tasks", NICENESS, MEMORY, file_bytes=_MOST_BYTES)
        self._lane = Lane("faces", kind, workers=1)

    def start(self) -> None:
        """Start the child."""
        self._lane.start()

    def close(self) -> None:
        """Kill the child."""
        self._lane.close()

    async def read(self, data: bytes, urgency: Urgency = Urgency.LAST) -> Pixels:
        """Decode a JPEG or PNG, upright and at most WORKING_SIDE wide and high; raises refusals."""
        try:
            with sealed_files.opened(data) as file:
                return await self._lane.run(
                    DECODE, file, {}, deadline=DEADLINE, read=_pixels, urgency=urgency
                )
        except PictureRefused as refused:
            raise _refusal(refused.reason) from refused
        except LaneUnavailable as error:
            raise InternalServerError from error


def _pixels(answer: Answer) -> Pixels:
    size = msgspec.convert(answer.values, _Size)
    if len(answer.files) != 1:
        raise BadFile(f"{len(answer.files)} files instead of one")
    values = sealed_files.mapped(answer.files[0], _MOST_BYTES)
    if len(values) != 3 * size.width * size.height:
        values.close()
        raise BadFile("not the pixels of a picture of that size")
    return Pixels(size.width, size.height, values)


def _refusal(reason: Reason) -> Refusal:
    match reason:
        case Reason.TOO_MANY_PIXELS | Reason.TOO_MUCH_MEMORY:
            return ImageTooLargeException()
        case Reason.TOO_FEW_PIXELS:
            return InvalidParameterException(f"The image must have {LEAST_SIDE} pixels each way.")
        case _:
            return InvalidImageFormatException()
