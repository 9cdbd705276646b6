"""The receipt of an erasure, at an address that only the erased person was told."""

from aiohttp import web

from findme import db
from findme.privacy import erasure_receipts
from findme.web.keys import POOL
from findme.web.rendering import render


async def get_receipt(request: web.Request) -> web.Response:
    """GET /receipt/{token}: nobody is signed in any more, so the token is the key."""
    pool, token = request.app[POOL], request.match_info["token"]
    async with db.acquire(pool) as conn:
        _, receipt = await erasure_receipts.find(conn, token)
    regions = [each.removeprefix("aws:") for each in receipt.engines if each != "embedded"]
    return render(
        request, "guest/receipt.html", {"receipt": receipt, "regions": ", ".join(regions)}
    )


ROUTES = [web.get("/receipt/{token}", get_receipt)]
