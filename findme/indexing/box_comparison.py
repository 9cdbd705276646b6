"""Compares the faces of a photo with guests by their pictures: the engine keeps no vector of them.

Each face is cut out of the stored photo and sent as a picture of its own, so that one search
compares it with all guests.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from findme import db
from findme.db import Pool
from findme.errors import BadImage, ImageTooLarge, NotFound
from findme.faces import box_matching
from findme.faces.box_matching import PhotoToCompare
from findme.faces.matching import Horizon
from findme.faces.stored_faces import overlap
from findme.gallery import events
from findme.media import face_pictures, images
from findme.media.face_pictures import FacePicture
from findme.media.image_workers import ImageWorkers
from findme.media.photo_images import PhotoImages
from findme.models import Box, Event
from findme.recognition.types import QueryExpansion, Similar
from findme.rekognition import Rekognition

log = logging.getLogger(__name__)

#: Pixels below which a face is cut out of a larger decoding of its photo.
FEW_PIXELS = 40
#: Intersection over union of the face that was sent and the one that was searched for.
SAME_FACE = 0.2
#: Searches of one photo at a time.
AT_ONCE = 4


class BoxComparison:
    """Compares faces that are only places on their photos."""

    def __init__(
        self, pool: Pool, faces: Rekognition, images: PhotoImages, workers: ImageWorkers
    ) -> None:
        self._pool = pool
        self._faces = faces
        self._images = images
        self._workers = workers

    async def compare(
        self,
        event: Event,
        photo: PhotoToCompare,
        edge: Horizon,
        *,
        floor: float,
        expansion: QueryExpansion | None,
    ) -> None:
        """Search for the open faces of a photo, and store what they resemble.

        A face on which the engine sees none decides its pairs, too. CollectionSwitched if the event
        keeps other faces meanwhile; EngineUnavailable leaves the photo to the next sweep.
        """
        try:
            found = await self._search(event, photo, floor)
        except NotFound:
            return  # deleted meanwhile, with its faces
        except BadImage as problem:
            log.warning("[Matching] The faces of photo %s are not compared: %s", photo.id, problem)
            found = {}
        async with db.transaction(self._pool) as conn:
            await events.lock(conn, event.id, event.faces)
            for position, face_id in photo.open.items():
                similar = found.get(position, ())
                await box_matching.save_search(conn, event.id, face_id, similar, edge, expansion)

    async def _search(
        self, event: Event, photo: PhotoToCompare, floor: float
    ) -> Mapping[int, Sequence[Similar]]:
        """Return what each open face resembles, by its position among the photo's boxes."""
        found: dict[int, Sequence[Similar]] = {}
        for around in (face_pictures.WIDE, face_pictures.TIGHT):
            left = [position for position in photo.open if position not in found]
            if not left:
                break
            pictures = await self._cut_out(photo, left, around)
            slots = asyncio.Semaphore(AT_ONCE)

            async def ask(position: int, picture: FacePicture, slots: asyncio.Semaphore) -> None:
                async with slots:
                    searched = await self._faces.search_by_picture(
                        event.collection_id, picture.jpeg, threshold=floor
                    )
                # a neighbour that was nearer or larger is another face
                if searched is not None and overlap(searched.box, picture.place) >= SAME_FACE:
                    found[position] = searched.similar

            try:
                async with asyncio.TaskGroup() as group:
                    for position, picture in zip(left, pictures, strict=True):
                        group.create_task(ask(position, picture, slots))
            except BaseExceptionGroup as problems:
                raise problems.exceptions[0] from problems
        return found

    async def _cut_out(
        self, photo: PhotoToCompare, wanted: Sequence[int], around: float
    ) -> list[FacePicture]:
        boxes = photo.boxes
        least = min(_side(boxes[position]) for position in wanted)
        side = images.ANALYSIS_SIDE
        if least * side < FEW_PIXELS:
            side = images.CLOSE_SIDE
        async with self._images.original(photo.id) as path:
            try:
                return await self._workers.cut_out_faces(
                    path, boxes, wanted, side=side, around=around
                )
            except ImageTooLarge:
                if side == images.ANALYSIS_SIDE:
                    raise
                return await self._workers.cut_out_faces(
                    path, boxes, wanted, side=images.ANALYSIS_SIDE, around=around
                )


def _side(box: Box) -> float:
    return max(box.width, box.height)
