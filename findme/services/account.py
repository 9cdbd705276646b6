"""Users' changes of their account: name, choices for the pages, password, e-mail address."""

from dataclasses import dataclass, replace

from findme import db
from findme.accounts import accounts, auth, confirmations, sign_in
from findme.cache import Cache
from findme.db import Pool
from findme.errors import Conflict, TooManyAttempts, WrongCredentials, WrongPassword
from findme.models import User

#: Addresses that a guest without one may try in so many seconds.
MAX_ADDRESSES, ADDRESS_SECONDS = 10, 900


@dataclass(frozen=True, slots=True)
class Account:
    """Changes accounts; each session sees a change with its next request."""

    pool: Pool
    cache: Cache

    async def save_profile(self, wanted: User) -> User:
        """Store a user's name, language, scheme and letter keys; InvalidRequest for the name."""
        wanted = replace(wanted, name=auth.check_name(wanted.name))
        async with db.transaction(self.pool) as conn:
            await accounts.set_name(conn, wanted.id, wanted.name)
            await accounts.set_choices(
                conn,
                wanted.id,
                language=wanted.language,
                scheme=wanted.scheme,
                letter_keys=wanted.letter_keys,
            )
        return wanted

    async def change_password(self, user: User, old: str, new: str, *, keep: str) -> None:
        """Replace a password and end all sessions but *keep* (a token).

        WrongPassword, TooManyAttempts; Conflict if the account has no password.
        """
        if user.email is None:
            raise Conflict("This account has no password yet: add an e-mail address and one.")
        try:
            await sign_in.confirm_password(self.pool, self.cache, user, old)
        except WrongCredentials as error:
            raise WrongPassword(field="old") from error
        password_hash = await auth.hash_password(auth.check_password(new))
        async with db.transaction(self.pool) as conn:
            await accounts.set_password(conn, user.id, password_hash)
        await auth.close_sessions(self.pool, user.id, but=keep)

    async def add_sign_in(
        self, user: User, email: str, password: str, *, language: str, base_url: str | None
    ) -> User:
        """Give an account that only a key opened an e-mail address and a password.

        The address gets a mail to confirm it, if mails are sent (*base_url*). EmailTaken,
        Conflict, TooManyAttempts.
        """
        # the answer tells whether an address has an account, so attempts are limited
        tried = await self.cache.count_attempt(f"credentials:{user.id}", seconds=ADDRESS_SECONDS)
        if tried > MAX_ADDRESSES:
            raise TooManyAttempts
        email, password = auth.check_email(email), auth.check_password(password)
        password_hash = await auth.hash_password(password)
        async with db.transaction(self.pool) as conn:
            await accounts.add_sign_in(conn, user.id, email, password_hash)
            if base_url is not None:
                await confirmations.request(
                    conn, self.cache, user.id, email, language=language, base_url=base_url
                )
        return replace(user, email=email)
