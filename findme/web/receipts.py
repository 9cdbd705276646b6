"""The receipt of an erasure, at an address that only the erased person was told."""

from aiohttp import web

from findme import db, receipts
from findme.web.html import render
from findme.web.keys import POOL


async def get_receipt(request: web.Request) -> web.Response:
    """GET /receipt/{token}: nobody is signed in any more, so the token is the key."""
    pool, token = request.app[POOL], request.match_info["token"]
    async with db.acquire(pool) as conn:
        _, receipt = await receipts.find(conn, token)
    regions = [each.removeprefix("aws:") for each in receipt.engines if each != "embedded"]
    return render(
        request, "guest/receipt.html", {"receipt": receipt, "regions": ", ".join(regions)}
    )


ROUTES = [web.get("/receipt/{token}", get_receipt)]
