"""The limit of a list that is read anew: aiohttp, and PostgreSQL that writes the JSON itself.

It checks the session and that the caller joined the event, in the same statement as the list. It
compresses nothing.
"""

import hashlib

from aiohttp import web

from benchmarks.peers.serving import open_pool, serve

#: The members of a photo as FindMe's API has them.
_MEMBERS = """
    photo.id::text as id, photo.event_id::text as event_id, filename, width, height, taken_at,
    uploaded_at, dated_at, photo.faces, shelf is not null as has_face_match, shelf as match,
    case when box_left is null then null
         else json_build_object('left', box_left, 'top', box_top,
                                'width', box_width, 'height', box_height) end as face_box,
    '/api/photo/' || photo.id || '?size=thumb' as thumb_url,
    '/api/photo/' || photo.id || '?size=preview' as preview_url,
    '/api/photo/' || photo.id || '?size=original' as original_url,
    placeholder, marked.photo_id is not null as favourite, credit"""
_CALLER = """
    caller as (
        select guest.id, guest.event_id from session
               join guest on guest.account_id = session.account_id
         where token_hash = $1 and session.expires_at > now() and guest.event_id = $2)"""
_LISTS = {
    "all": f"""
        with {_CALLER}
        select json_agg(page) from (
            select {_MEMBERS}
              from caller join photo on photo.event_id = caller.event_id
                   left join guest_photo on guest_photo.guest_id = caller.id
                                        and guest_photo.photo_id = photo.id
                   left join face on face.id = guest_photo.face_id
                   left join favourite as marked on marked.guest_id = caller.id
                                                and marked.photo_id = photo.id
             where visible order by dated_at desc, photo.id desc limit 100) as page""",
    "mine": f"""
        with {_CALLER}
        select json_agg(page) from (
            select {_MEMBERS}
              from caller join guest_photo on guest_photo.guest_id = caller.id
                   join photo on photo.id = guest_photo.photo_id
                   left join face on face.id = guest_photo.face_id
                   left join favourite as marked on marked.guest_id = caller.id
                                                and marked.photo_id = photo.id
             where shelf = 'sure' order by dated_at desc, photo.id desc limit 100) as page""",
    "favourites": f"""
        with {_CALLER}
        select json_agg(page) from (
            select {_MEMBERS}
              from caller join favourite as marked on marked.guest_id = caller.id
                   join photo on photo.id = marked.photo_id
                   left join guest_photo on guest_photo.guest_id = caller.id
                                        and guest_photo.photo_id = photo.id
                   left join face on face.id = guest_photo.face_id
             where visible order by dated_at desc, photo.id desc limit 100) as page""",
}


async def answer(request: web.Request) -> web.Response:
    """Send a list as PostgreSQL wrote it."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    async with request.app["pool"].acquire() as conn:
        body = await conn.fetchval(
            _LISTS[request.match_info["name"]],
            hashlib.sha256(token.encode()).digest(),
            int(request.query["event"]),
        )
    return web.Response(text=body or "[]", content_type="application/json")


async def _open(app: web.Application) -> None:
    app["pool"] = await open_pool()


if __name__ == "__main__":
    application = web.Application()
    application.on_startup.append(_open)
    application.router.add_get("/list/{name}", answer)
    serve(application)
