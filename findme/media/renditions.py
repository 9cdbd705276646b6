"""The pictures that guests get if the organiser wants them smaller or with a watermark.

A spec describes a rendition, and the stored picture carries the spec's name. If the spec changes,
the rendition is made again when it is next requested.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from findme.db import Connection
from findme.errors import NotFound
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import (
    DownloadSize,
    Event,
    Metadata,
    PhotoId,
    Rendition,
    Size,
    StoredImage,
)

#: Pixels of the longer side of a preview, and of a download that is no original.
PREVIEW_SIDE = 1600
LARGE_SIDE = 2000


@dataclass(frozen=True, slots=True)
class RenditionSpec:
    """How a picture for guests is made from the original: always a JPEG."""

    kind: Rendition
    #: The most pixels of the longer side; None: those of the original.
    side: int | None
    watermark: str | None

    @property
    def credited(self) -> bool:
        """Whether it names the time of capture, credit and copyright; it has no other metadata."""
        return self.kind is Rendition.DOWNLOAD

    @property
    def name(self) -> str:
        """The name that distinguishes it from other specs of its kind."""
        return f"{self.side or 'full'} {self.watermark or ''}".strip()


#: Of an original that cannot be cleaned: its pixels as they are.
FULL_SIZE = RenditionSpec(Rendition.DOWNLOAD, None, None)


def spec_of(event: Event, size: Size) -> RenditionSpec | None:
    """Return how a size is made for guests; None if they get the stored one."""
    if size is Size.PREVIEW and event.watermark:
        return RenditionSpec(Rendition.MARKED, PREVIEW_SIDE, event.watermark)
    if size is Size.ORIGINAL and (event.watermark or event.download_size is DownloadSize.LARGE):
        side = LARGE_SIDE if event.download_size is DownloadSize.LARGE else None
        return RenditionSpec(Rendition.DOWNLOAD, side, event.watermark)
    return None


def download_spec(event: Event) -> RenditionSpec | None:
    """Return how a download is made; if downloads are off, it is what the page shows."""
    if event.downloads:
        return spec_of(event, Size.ORIGINAL)
    return RenditionSpec(Rendition.MARKED, PREVIEW_SIDE, event.watermark)


def version_of(event: Event) -> str:
    """Return a digest of the options, a part of pictures' addresses; "" for the usual ones."""
    specs = [spec_of(event, size) for size in (Size.PREVIEW, Size.ORIGINAL)]
    names = "\n".join(spec.name for spec in specs if spec is not None)
    if specs[1] is None and event.metadata is Metadata.FULL:
        names += "\nfull metadata"
    return hashlib.sha256(names.encode()).hexdigest()[:8] if names else ""


async def find(conn: Connection, photo_id: PhotoId, spec: RenditionSpec) -> StoredImage | None:
    """Return the stored rendition of this spec."""
    row = await conn.fetchrow(
        """
        select id, media_type, size_bytes, digest
          from image where photo_id = $1 and size = $2 and recipe = $3""",
        photo_id,
        spec.kind,
        spec.name,
    )
    return None if row is None else StoredImage(**row)


async def sizes(
    conn: Connection, photo_ids: Sequence[PhotoId], spec: RenditionSpec
) -> dict[PhotoId, int]:
    """Return the bytes of the stored renditions of this spec, by photo."""
    rows = await conn.fetch(
        """
        select photo_id, size_bytes from image
         where photo_id = any($1) and size = $2 and recipe = $3""",
        photo_ids,
        spec.kind,
        spec.name,
    )
    return {PhotoId(row["photo_id"]): row["size_bytes"] for row in rows}


async def store(
    conn: Connection, photo_id: PhotoId, spec: RenditionSpec, jpeg: storage.Bytes
) -> StoredImage:
    """Store a rendition in place of one of another spec; NotFound if the photo is deleted.

    If two requests store the same spec, the second one gets the picture of the first.
    """
    if not await conn.fetchval("select true from photo where id = $1 for no key update", photo_id):
        raise NotFound
    found = await find(conn, photo_id, spec)
    if found is None:
        await conn.execute(
            "delete from image where photo_id = $1 and size = $2", photo_id, spec.kind
        )
        owner = ImageOwner(photo_id=photo_id)
        await storage.store_bytes(conn, jpeg, owner, size=spec.kind, recipe=spec.name)
        found = await find(conn, photo_id, spec)
    assert found is not None
    return found


def file_name(filename: str) -> str:
    """Return the file name of a rendition: it is a JPEG."""
    path = PurePosixPath(filename)
    return filename if path.suffix.lower() in (".jpg", ".jpeg") else f"{path.stem}.jpg"
