"""The caller of a request, before anything is asked of the database."""

from dataclasses import dataclass

from findme.models import EventId, Role, TokenId, User


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a request: a signed-in user, a photographer's token, or (neither) anyone."""

    user: User | None = None
    #: The event of the upload token that was shown.
    upload_event_id: EventId | None = None
    upload_token_id: TokenId | None = None
    #: True if the session cookie, not a bearer token, named the user.
    by_cookie: bool = False
    #: Whether signing in to the account takes a second factor.
    two_factors: bool = False
    #: An admin who has to set one up first, and has a guest's rights until then.
    must_enrol: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether this is an admin."""
        return self.user is not None and self.user.role is Role.ADMIN
