"""An admin's second factor: set up, confirmed, switched off."""

from dataclasses import dataclass

from findme import db
from findme.accounts import second_factor, sign_in, totp
from findme.accounts.second_factor import CodeRefused
from findme.cache import Cache
from findme.db import Pool
from findme.errors import Conflict, TooManyAttempts, WrongCredentials, WrongPassword
from findme.models import User
from findme.privacy import audit_log


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: as text, and as the address in a QR code."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether an account has a second factor, and how many recovery codes are left."""

    on: bool
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Changes second factors; each session sees it with its next request."""

    pool: Pool
    cache: Cache

    async def state(self, user: User) -> FactorState:
        """Return whether the account has one."""
        async with db.acquire(self.pool) as conn:
            return FactorState(
                await second_factor.is_on(conn, user.id),
                await second_factor.count_recovery_codes(conn, user.id),
            )

    async def begin(self, user: User, password: str) -> Enrolment:
        """Return a new secret; nothing changes before `confirm`.

        WrongPassword, TooManyAttempts; Conflict if the account has a second factor already.
        """
        await self._check_password(user, password)
        async with db.transaction(self.pool) as conn:
            secret = await second_factor.begin(conn, user.id)
        return Enrolment(totp.text_of(secret), totp.address_of(secret, user.email or user.name))

    async def confirm(self, user: User, code: str) -> list[str]:
        """Switch it on by a code of the app, and return the recovery codes, which only this shows.

        CodeRefused, TooManyAttempts; Conflict if none is being set up.
        """
        counted = f"code:{user.id}"
        if await self.cache.count_attempt(counted, seconds=sign_in.CODE_SECONDS) > (
            sign_in.MAX_CODES
        ):
            raise TooManyAttempts
        async with db.transaction(self.pool) as conn:
            codes = await second_factor.confirm(conn, user.id, code)
            if codes is None:
                raise CodeRefused(field="code")
            await audit_log.note(conn, user.id, "account.second_factor_on")
        await self.cache.take_back_attempt(counted)
        return codes

    async def remove(self, user: User, password: str, code: str) -> None:
        """Switch it off; WrongPassword, CodeRefused, TooManyAttempts, Conflict if it is off."""
        async with db.acquire(self.pool) as conn:
            if not await second_factor.is_on(conn, user.id):
                raise Conflict("This account has no second factor.")
        await self._check_password(user, password)
        if await sign_in.use_code(self.pool, self.cache, user, code) is None:
            raise CodeRefused(field="code")
        async with db.transaction(self.pool) as conn:
            if await second_factor.remove(conn, user.id):
                await audit_log.note(conn, user.id, "account.second_factor_off")

    async def _check_password(self, user: User, password: str) -> None:
        try:
            await sign_in.confirm_password(self.pool, self.cache, user, password)
        except WrongCredentials as error:
            raise WrongPassword(field="password") from error
