"""The live wall: a slideshow for the room, opened by its token alone."""

from io import BytesIO
from typing import Annotated

import segno
from aiohttp import web
from msgspec import Meta, Struct

from findme import db
from findme.errors import NotFound
from findme.gallery import live_wall
from findme.gallery.live_wall import Shown, Wall
from findme.models import PhotoId
from findme.web.keys import PICTURES, POOL, base_url
from findme.web.openapi.route import JPEG, LIMIT, Header, Query, Tag, Who, get, ok, picture_answers
from findme.web.rendering import render
from findme.web.responses import page_answer, page_of, parse_time, path_id, time_text
from findme.web.shapes import Box, Id, Path, Placeholder, Time, box_of
from findme.web.streaming import send_image

#: The newest photos, which a wall repeats: at 8 s each some 27 minutes.
ROUND = 200
#: Requested each time that it is shown, so that a photo that has been hidden is no longer shown; an
#: unchanged picture is not sent again.
CACHE_CONTROL = "private, no-cache"


class WallPhoto(Struct, frozen=True):
    """A photo on the live wall."""

    id: Id
    width: Annotated[int, Meta(description="Pixels of the upright picture.")]
    height: Annotated[int, Meta(description="Pixels of the upright picture.")]
    taken_at: Time | None
    shown_at: Annotated[Time, Meta(description="Since when guests can see it.")]
    placeholder: Placeholder
    faces: Annotated[list[Box], Meta(description="Where faces are, never whose.")]
    preview_url: Path


async def wall_page(request: web.Request) -> web.Response:
    """GET /wall/{token}: the slideshow; without scripts, the newest photo."""
    token = request.match_info["token"]
    async with db.acquire(request.app[POOL]) as conn:
        wall, newest = await live_wall.look(conn, token, after=None, limit=1)
    return render(
        request,
        "guest/wall.html",
        {
            "wall": wall,
            "token": token,
            "photo": _photo(token, newest[0]) if newest else None,
            "source": f"/api/wall/{token}/photos",
            "round": ROUND,
        },
    )


async def get_photos(request: web.Request) -> web.Response:
    """GET /api/wall/{token}/photos?after=: what guests can see, the last shown first.

    *after* is the last `shown_at` that the wall knows of; some photos from before it come again.
    """
    _, limit = page_of(request)
    after = parse_time(request.query, "after")
    token = request.match_info["token"]
    async with db.acquire(request.app[POOL]) as conn:
        wall, found = await live_wall.look(conn, token, after=after, limit=limit)
    return await page_answer(request, [_photo(token, photo) for photo in found], wall.photos, None)


async def get_picture(request: web.Request) -> web.StreamResponse:
    """GET /api/wall/{token}/photos/{id}: a photo's preview, with the watermark that guests see."""
    photo_id = PhotoId(path_id(request))
    image = await request.app[PICTURES].find_for_wall(request.match_info["token"], photo_id)
    return await send_image(request, image, cache_control=CACHE_CONTROL)


async def get_qr(request: web.Request) -> web.Response:
    """GET /wall/{token}/qr.svg: the join link, black on white, four modules of quiet."""
    async with db.acquire(request.app[POOL]) as conn:
        wall = await live_wall.find(conn, request.match_info["token"])
    picture = BytesIO()
    segno.make(_join_url(request, wall), error="m", micro=False).save(
        picture, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False, omitsize=True
    )
    return web.Response(
        body=picture.getvalue(), content_type="image/svg+xml", headers={"Cache-Control": "no-cache"}
    )


def _join_url(request: web.Request, wall: Wall) -> str:
    return f"{base_url(request)}/e/{wall.code}"


def _photo(token: str, photo: Shown) -> WallPhoto:
    return WallPhoto(
        id=str(photo.id),
        width=photo.width,
        height=photo.height,
        taken_at=time_text(photo.taken_at),
        shown_at=time_text(photo.shown_at),
        placeholder=photo.placeholder,
        faces=[box_of(box) for box in photo.faces],
        preview_url=f"/api/wall/{token}/photos/{photo.id}",
    )


ROUTES = [
    web.get("/wall/{token}", wall_page),
    web.get("/wall/{token}/qr.svg", get_qr),
    get(
        "/api/wall/{token}/photos",
        get_photos,
        "What a live wall shows, the last shown first",
        ok(
            list[WallPhoto],
            "The last shown first.",
            Header("X-Total-Count", "Photos that guests can see.", int),
        ),
        query=[
            Query(
                "after",
                "The last shown_at that is known; photos of the minute before come again.",
                Time,
            ),
            LIMIT,
        ],
        fails=[NotFound],
        tag=Tag.PHOTOS,
        who=Who.ANYONE,
    ),
    get(
        "/api/wall/{token}/photos/{id}",
        get_picture,
        "A photo's preview, for a live wall",
        *picture_answers(JPEG),
        fails=[NotFound],
        tag=Tag.PHOTOS,
        who=Who.ANYONE,
    ),
]
