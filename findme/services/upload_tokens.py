"""Upload tokens, one for each photographer of an event: created, changed, revoked, reported on."""

from collections.abc import Mapping
from dataclasses import dataclass

from findme import db
from findme.accounts import auth
from findme.cache import Cache
from findme.db import Pool, Record
from findme.errors import NotFound
from findme.gallery import events, photographers
from findme.gallery.photographers import Photographer
from findme.models import EventId, TokenId, UserId
from findme.privacy import audit_log


@dataclass(frozen=True, slots=True)
class UploadTokens:
    """Manages the upload tokens of events."""

    pool: Pool
    cache: Cache

    async def create(
        self, admin_id: UserId, event_id: EventId, label: str, *, clock_offset_s: int
    ) -> tuple[TokenId, str]:
        """Add a token and return its id with the token itself, which is known only here."""
        async with db.transaction(self.pool) as conn:
            event = await events.get(conn, event_id)
            token_id, token = await auth.create_upload_token(
                conn, event.id, label, clock_offset_s=clock_offset_s
            )
            await audit_log.note(
                conn, admin_id, "token.created", event_id=event.id, subjects=[token_id]
            )
        return token_id, token

    async def list_of(self, event_id: EventId) -> list[Record]:
        """Return an event's tokens, newest first (see `photographers.list_all`); NotFound."""
        async with db.acquire(self.pool) as conn:
            event = await events.get(conn, event_id)
            return await photographers.list_all(conn, event.id)

    async def change(
        self,
        admin_id: UserId,
        event_id: EventId,
        token_id: TokenId,
        *,
        name: str | None,
        clock_offset_s: int | None,
    ) -> Record:
        """Change what is not None, on the photos that came already as well; NotFound."""
        async with db.transaction(self.pool) as conn:
            row = await photographers.change(
                conn, event_id, token_id, name=name, clock_offset_s=clock_offset_s
            )
            await audit_log.note(
                conn, admin_id, "token.changed", event_id=event_id, subjects=[token_id]
            )
        await self.cache.forget_event(event_id)
        return row

    async def revoke(self, admin_id: UserId, event_id: EventId, token_id: TokenId) -> None:
        """Remove a token; NotFound."""
        if not await auth.delete_upload_token(self.pool, event_id, token_id):
            raise NotFound
        async with db.acquire(self.pool) as conn:
            await audit_log.note(
                conn, admin_id, "token.revoked", event_id=event_id, subjects=[token_id]
            )

    async def get_photographer(self, token_id: TokenId) -> Photographer:
        """Return whose token it is; NotFound if it was revoked meanwhile."""
        async with db.acquire(self.pool) as conn:
            return await photographers.get(conn, token_id)

    async def report(self, token_id: TokenId, state: Mapping[str, object]) -> None:
        """Store what a photographer's watcher reports of itself, in place of its last report."""
        async with db.acquire(self.pool) as conn:
            await photographers.report(conn, token_id, state)
