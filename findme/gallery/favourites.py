"""Photos that guests marked with a heart; nobody else sees it."""

from findme.db import Connection
from findme.models import GuestId, PhotoId


async def add(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Mark a photo; idempotent."""
    await conn.execute(
        """
        insert into favourite (guest_id, photo_id) values ($1, $2)
        on conflict (guest_id, photo_id) do nothing""",
        guest_id,
        photo_id,
    )


async def remove(conn: Connection, guest_id: GuestId, photo_id: PhotoId) -> None:
    """Remove the mark; no error without one."""
    await conn.execute(
        "delete from favourite where guest_id = $1 and photo_id = $2", guest_id, photo_id
    )
