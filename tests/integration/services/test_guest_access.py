"""An admin lets guests in again who are locked out, without an HTTP request."""

from collections.abc import Awaitable, Callable

import pytest

from findme import db
from findme.accounts import accounts, auth, password_resets
from findme.accounts.rights import Rights
from findme.cache import Cache
from findme.db import Pool
from findme.errors import Conflict, NotFound
from findme.models import Role, UserId
from findme.services.access import Access
from findme.web.keys import ACCESS
from tests.conftest import App
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]

Noted = Callable[[], Awaitable[list[tuple[str, dict[str, object]]]]]


@pytest.fixture
def service(app: App) -> Access:
    assert app.client.app is not None
    return app.client.app[ACCESS]


async def is_open(pool: Pool, cache: Cache, token: str) -> bool:
    return await Rights(pool, cache).identify(token, by_cookie=False) is not None


async def test_a_new_key_ends_the_old_one_and_its_sessions(
    app: App, pool: Pool, service: Access, admin_id: UserId, noted: Noted
) -> None:
    async with db.transaction(pool) as conn:
        user_id, old = await accounts.create_keyed(conn, "Bob", None)
        session = await auth.open_session(conn, user_id)
    assert await is_open(pool, app.resources.cache, session.token)

    new = await service.renew_key_for(admin_id, user_id)

    assert not await is_open(pool, app.resources.cache, session.token)
    async with db.acquire(pool) as conn:
        assert (await accounts.find_by_key(conn, new)).id == user_id
        with pytest.raises(NotFound):
            await accounts.find_by_key(conn, old)
    assert await noted() == [("account.key_link", {})]


async def test_an_account_with_a_password_gets_a_reset_and_no_key(
    pool: Pool, service: Access, admin_id: UserId, noted: Noted
) -> None:
    async with db.transaction(pool) as conn:
        user_id = await auth.create_account(
            conn, name="Eve", email="eve@example.org", password_hash="-", role=Role.GUEST
        )
    with pytest.raises(Conflict):
        await service.renew_key_for(admin_id, user_id)

    token = (await service.create_reset_link(admin_id, user_id)).token

    async with db.acquire(pool) as conn:
        await password_resets.check(conn, token)
    assert await noted() == [("account.reset_link", {})]
