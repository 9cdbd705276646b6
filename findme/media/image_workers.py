"""All that is done with the pixels and the metadata of pictures, in children with limits.

The event loop and the memory of this process depend on no picture. Photos and selfies have lanes of
their own, so that a guest who joins never waits for photos.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, tzinfo
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Final, TypeVar

import psutil

from findme.errors import (
    BadImage,
    ImageTooLarge,
    PicturesUnavailable,
    UnreadableImage,
    UnsupportedImage,
)
from findme.media import avatar, face_crop, image_answers, images
from findme.media.cleaning.cleaner import Cleaned
from findme.media.face_pictures import FacePicture
from findme.media.images import Probe, Renditions
from findme.models import Box
from findme.pixels import sealed_files
from findme.pixels.gate import Urgency
from findme.pixels.header import Reason
from findme.pixels.lane import Answer, Deadline, Lane, LaneUnavailable, PictureRefused
from findme.pixels.memory import MIB
from findme.pixels.worker import ChildKind

T = TypeVar("T")

_TASKS: Final = "findme.media.image_tasks"
#: Children of each lane; on two cores, more would only take memory.
PHOTO_WORKERS: Final = 2
SELFIE_WORKERS: Final = 2
#: Bytes that the pictures of a lane may take together, by the estimates from their headers. The
#: first goes for photos on machines with less than ROOMY: it is enough for a JPEG of 200 megapixels
#: or a HEIC of 55. The last is enough for a HEIC of 48 megapixels.
SMALL_PHOTO_MEMORY: Final = 544 * MIB
PHOTO_MEMORY: Final = 1024 * MIB
SELFIE_MEMORY: Final = 448 * MIB
ROOMY: Final = 3_600 * MIB
#: The niceness (0 to 19): that of photos is the face service's, and people wait for selfies.
PHOTO_NICENESS: Final = 5
SELFIE_NICENESS: Final = 2
#: Honest pictures of 24 megapixels take 0.2 s of CPU, the largest ones 3 s.
PROBE: Final = Deadline(5, 2)
SELFIE: Final = Deadline(8, 4)
PHOTO: Final = Deadline(30, 10)

#: Seconds between two looks for children that died while they had nothing to do.
PERIOD: Final = 5.0

_CGROUP_MEMORY: Final = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class ImageLanes:
    """The children of this process."""

    photos: Lane
    selfies: Lane

    @classmethod
    def of_this_machine(cls) -> "ImageLanes":
        """Return lanes that fit into the machine's memory; no child is started yet."""
        memory = PHOTO_MEMORY if _machine_memory() >= ROOMY else SMALL_PHOTO_MEMORY
        return cls(
            Lane("photos", ChildKind(_TASKS, PHOTO_NICENESS, memory), workers=PHOTO_WORKERS),
            Lane(
                "selfies", ChildKind(_TASKS, SELFIE_NICENESS, SELFIE_MEMORY), workers=SELFIE_WORKERS
            ),
        )

    def start(self) -> None:
        """Start all children, so that the first pictures find them ready."""
        self.selfies.start()
        self.photos.start()

    async def renew(self) -> None:
        """Replace the children that died while they had nothing to do."""
        self.selfies.renew()
        self.photos.renew()

    def close(self) -> None:
        """Kill the children."""
        self.photos.close()
        self.selfies.close()


@dataclass(frozen=True, slots=True)
class ImageWorkers:
    """Reads and makes pictures; takes files of at most *max_pixels*.

    Every method raises BadImage for a picture that cannot be used, and PicturesUnavailable if the
    machine has no process or no memory to give.
    """

    lanes: ImageLanes
    max_pixels: int

    async def probe(self, path: Path, zone: tzinfo = UTC) -> Probe:
        """Return a picture's type, size and time of capture (see `images.probe`)."""
        read = partial(image_answers.read_probe, max_pixels=self.max_pixels, zone=zone)
        with _opened(path) as file:
            return await self._photo("probe", file, {}, read, PROBE, Urgency.FIRST)

    async def render(self, path: Path, urgency: Urgency = Urgency.LAST) -> Renditions:
        """Make the renditions of a picture (see `images.render`)."""
        read = partial(image_answers.read_renditions, max_pixels=self.max_pixels)
        with _opened(path) as file:
            return await self._photo("render", file, {}, read, PHOTO, urgency)

    async def closer(self, path: Path) -> bytes:
        """Make a larger JPEG for the face engine (see `images.closer`)."""
        read = partial(image_answers.read_engine_picture, side=images.CLOSE_SIDE)
        with _opened(path) as file:
            return await self._photo("closer", file, {}, read, PHOTO)

    async def guest_rendition(
        self, path: Path, side: int | None, watermark: str | None, *, credited: bool
    ) -> mmap:
        """Make the picture that guests get (see `images.guest_rendition`).

        If *credited*, it names the time of capture, credit and copyright.
        """
        read = partial(image_answers.map_picture, side=side)
        arguments = {"side": side, "watermark": watermark, "credited": credited}
        with _opened(path) as file:
            return await self._photo("guest_rendition", file, arguments, read, PHOTO)

    async def clean(self, path: Path) -> Cleaned:
        """Return what guests get of a file (see `cleaning.cleaner`)."""
        with _opened(path) as file:
            read = partial(image_answers.read_cleaned, size=os.fstat(file).st_size)
            return await self._photo("clean", file, {}, read, PHOTO)

    async def cut_out_face(self, jpeg: bytes, box: Box) -> bytes:
        """Cut a face out of a picture of ours (see `face_crop.cut_out`)."""
        read = partial(image_answers.read_small_picture, side=face_crop.SIDE)
        arguments = {"box": asdict(box)}
        with sealed_files.opened(jpeg) as file:
            return await self._photo("face_crop", file, arguments, read, PHOTO, Urgency.NEXT)

    async def cut_out_faces(
        self, path: Path, boxes: Sequence[Box], wanted: Sequence[int], *, side: int, around: float
    ) -> list[FacePicture]:
        """Cut faces out of a photo for the face engine (see `face_pictures.cut_out`)."""
        read = partial(image_answers.read_face_pictures, number=len(wanted))
        arguments = {
            "boxes": [asdict(box) for box in boxes],
            "wanted": list(wanted),
            "side": side,
            "around": around,
        }
        with _opened(path) as file:
            return await self._photo("face_pictures", file, arguments, read, PHOTO)

    async def selfie(self, path: Path) -> bytes:
        """Make a selfie for the face engine (see `images.selfie`)."""
        read = partial(image_answers.read_engine_picture, side=images.SELFIE_SIDE)
        with _opened(path) as file:
            return await self._run(self.lanes.selfies, "selfie", file, {}, read, SELFIE)

    async def avatar(self, selfie: bytes) -> bytes:
        """Make the small face of the top bar from a stored selfie (see `avatar.avatar`)."""
        read = partial(image_answers.read_small_picture, side=avatar.AVATAR_SIDE)
        with sealed_files.opened(selfie) as file:
            return await self._run(self.lanes.selfies, "avatar", file, {}, read, SELFIE)

    async def portrait(self, selfie: bytes) -> bytes:
        """Make a stored selfie small, for an organiser who compares it (see `avatar.portrait`)."""
        read = partial(image_answers.read_small_picture, side=avatar.PORTRAIT_SIDE)
        with sealed_files.opened(selfie) as file:
            return await self._run(self.lanes.selfies, "portrait", file, {}, read, SELFIE)

    async def _photo(
        self,
        task: str,
        file: int,
        arguments: Mapping[str, object],
        read: Callable[[Answer], T],
        deadline: Deadline,
        urgency: Urgency = Urgency.LAST,
    ) -> T:
        return await self._run(self.lanes.photos, task, file, arguments, read, deadline, urgency)

    async def _run(
        self,
        lane: Lane,
        task: str,
        file: int,
        arguments: Mapping[str, object],
        read: Callable[[Answer], T],
        deadline: Deadline,
        urgency: Urgency = Urgency.LAST,
    ) -> T:
        limited = {**arguments, "max_pixels": self.max_pixels}
        try:
            return await lane.run(
                task, file, limited, deadline=deadline, read=read, urgency=urgency
            )
        except PictureRefused as refused:
            raise self._problem(refused) from refused
        except LaneUnavailable as error:
            raise PicturesUnavailable from error

    def _problem(self, refused: PictureRefused) -> BadImage:
        """Return the error with its sentence, of which no word is the child's."""
        facts = refused.facts
        match refused.reason:
            case Reason.UNSUPPORTED:
                return UnsupportedImage()
            case Reason.TOO_MANY_PIXELS if facts is not None:
                return images.too_many_pixels(facts.width, facts.height, self.max_pixels)
            case Reason.TOO_MUCH_MEMORY:
                if facts is None or facts.kind is None or not refused.most_pixels:
                    return ImageTooLarge(_TOO_MUCH_MEMORY)
                most = refused.most_pixels / 1e6
                return ImageTooLarge(
                    f"{_TOO_MUCH_MEMORY} A {facts.kind} of its kind may have"
                    f" {most:.0f} million pixels here."
                )
            case Reason.CUT_OFF:
                return UnreadableImage(images.CUT_OFF)
            case Reason.TOO_COMPLEX | Reason.TOO_SLOW:
                return UnreadableImage("The picture takes too long to read.")
            case _:
                return UnreadableImage()


_TOO_MUCH_MEMORY: Final = "The picture needs more memory than this server has for one."


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _machine_memory() -> int:
    """Return the bytes of memory that this machine or its container has."""
    memory = psutil.virtual_memory().total
    try:
        limit = _CGROUP_MEMORY.read_text("ascii").strip()
    except OSError:  # no container, or one with another kind of limits
        return memory
    return min(memory, int(limit)) if limit.isdigit() else memory
