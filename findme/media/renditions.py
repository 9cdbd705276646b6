"""What guests get of a photo where the organiser wants it otherwise than it was prepared.

Smaller, or with a watermark: a recipe says how, and what is stored carries the recipe that it was
made by. Under another recipe it is made again, when it is next asked for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from findme.db import Connection
from findme.errors import NotFound
from findme.media import storage
from findme.models import DownloadSize, Event, Handout, PhotoId, Size, StoredImage

#: Pixels of the longer side of a preview, and of a download that is no original.
PREVIEW_SIDE = 1600
LARGE_SIDE = 2000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a picture for guests is made of the original: always a JPEG without metadata."""

    kind: Handout
    #: Pixels of the longer side at most; None: as many as the original has.
    side: int | None
    watermark: str | None

    @property
    def name(self) -> str:
        """What tells it from other recipes of its kind."""
        return f"{self.side or 'full'} {self.watermark or ''}".strip()


def recipe_of(event: Event, size: Size) -> Recipe | None:
    """Return how a size is made for guests; None where they get what is stored under it."""
    if size is Size.PREVIEW and event.watermark:
        return Recipe(Handout.MARKED, PREVIEW_SIDE, event.watermark)
    if size is Size.ORIGINAL and (event.watermark or event.download_size is DownloadSize.LARGE):
        side = LARGE_SIDE if event.download_size is DownloadSize.LARGE else None
        return Recipe(Handout.DOWNLOAD, side, event.watermark)
    return None


def taken_along(event: Event) -> Recipe | None:
    """Return how guests' own copies are made: as they see them on the page if downloads are off."""
    if event.downloads:
        return recipe_of(event, Size.ORIGINAL)
    return Recipe(Handout.MARKED, PREVIEW_SIDE, event.watermark)


def version_of(event: Event) -> str:
    """Return what pictures' addresses carry, so that they change with the choices; or nothing."""
    recipes = [recipe_of(event, size) for size in (Size.PREVIEW, Size.ORIGINAL)]
    names = "\n".join(recipe.name for recipe in recipes if recipe is not None)
    return hashlib.sha256(names.encode()).hexdigest()[:8] if names else ""


async def find(conn: Connection, photo_id: PhotoId, recipe: Recipe) -> StoredImage | None:
    """Return what is stored by this recipe."""
    row = await conn.fetchrow(
        """
        select id, media_type, size_bytes, digest, redactions
          from image where photo_id = $1 and size = $2 and recipe = $3""",
        photo_id,
        recipe.kind,
        recipe.name,
    )
    return None if row is None else StoredImage(**row)


async def sizes(
    conn: Connection, photo_ids: Sequence[PhotoId], recipe: Recipe
) -> dict[PhotoId, int]:
    """Return the bytes of those that are stored by this recipe."""
    rows = await conn.fetch(
        """
        select photo_id, size_bytes from image
         where photo_id = any($1) and size = $2 and recipe = $3""",
        photo_ids,
        recipe.kind,
        recipe.name,
    )
    return {PhotoId(row["photo_id"]): row["size_bytes"] for row in rows}


async def store(conn: Connection, photo_id: PhotoId, recipe: Recipe, jpeg: bytes) -> StoredImage:
    """Keep what was made in the place of what another recipe made; NotFound without the photo.

    Who comes second with the same recipe gets what the first one stored.
    """
    if not await conn.fetchval("select true from photo where id = $1 for no key update", photo_id):
        raise NotFound
    found = await find(conn, photo_id, recipe)
    if found is None:
        await conn.execute(
            "delete from image where photo_id = $1 and size = $2", photo_id, recipe.kind
        )
        await storage.store_bytes(
            conn, jpeg, size=recipe.kind, photo_id=photo_id, recipe=recipe.name
        )
        found = await find(conn, photo_id, recipe)
    assert found is not None
    return found


def file_name(filename: str) -> str:
    """Return what a photo is called that was made of one: it is a JPEG."""
    path = PurePosixPath(filename)
    return filename if path.suffix.lower() in (".jpg", ".jpeg") else f"{path.stem}.jpg"
