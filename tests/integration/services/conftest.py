"""Services run here as in the application, but nobody sends an HTTP request."""

import pytest

from findme import db
from findme.accounts import auth
from findme.db import Pool
from findme.models import Role, UserId


@pytest.fixture
async def admin_id(pool: Pool) -> UserId:
    """An admin, for the audit log."""
    async with db.transaction(pool) as conn:
        return await auth.create_account(
            conn, name="Ada", email="ada@example.org", password_hash="-", role=Role.ADMIN
        )
