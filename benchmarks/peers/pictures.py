"""Limits for pictures: aiohttp that reads chunk rows one after the other, or one whole value.

No rights are checked. `/chunks/{id}` streams the rows of `image_chunk`, as FindMe stores them;
`/whole/{id}` reads one bytea, which is faster and holds the picture in memory.
"""

from aiohttp import web

from benchmarks.peers.serving import open_pool, serve

_CHUNK = "select bytes from image_chunk where image_id = $1 and number = $2"


async def chunks(request: web.Request) -> web.StreamResponse:
    """Stream a picture, a row at a time, without holding a connection in between."""
    image_id = int(request.match_info["id"])
    response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
    response.content_length = int(request.query["bytes"])
    await response.prepare(request)
    number = 0
    left = response.content_length
    while left > 0:
        async with request.app["pool"].acquire() as conn:
            chunk = await conn.fetchval(_CHUNK, image_id, number)
        await response.write(chunk)
        left -= len(chunk)
        number += 1
    await response.write_eof()
    return response


async def whole(request: web.Request) -> web.Response:
    """Send a picture that is one value of the table `bench_picture`."""
    async with request.app["pool"].acquire() as conn:
        body = await conn.fetchval(
            "select bytes from bench_picture where image_id = $1", int(request.match_info["id"])
        )
    return web.Response(body=body, content_type="image/jpeg")


async def _open(app: web.Application) -> None:
    app["pool"] = await open_pool()


if __name__ == "__main__":
    application = web.Application()
    application.on_startup.append(_open)
    application.router.add_get("/chunks/{id}", chunks)
    application.router.add_get("/whole/{id}", whole)
    serve(application)
