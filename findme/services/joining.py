"""Joining an event: with a selfie, or to browse its gallery without any face search."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from findme import db
from findme.accounts import (
    accounts,
    admission,
    auth,
    confirmations,
    guests,
    invitations,
    selfies,
    sign_in,
)
from findme.accounts.auth import Session
from findme.accounts.guests import Guest
from findme.accounts.invitations import Taken
from findme.accounts.sign_in import Origin
from findme.cache import Cache
from findme.db import Connection, Pool
from findme.errors import (
    BrowsingClosed,
    ConsentRequired,
    EmailTaken,
    EventClosed,
    JoinClosed,
    NotFound,
    SelfieRefused,
    TooManyAttempts,
    WrongCredentials,
)
from findme.gallery import events
from findme.media import storage
from findme.media.storage import ImageOwner
from findme.models import Accounts, Event, GuestId, Role, Size, User
from findme.services.guest_selfies import GuestSelfies, SelfieResult

#: The recorded consent text if a form comes without a page.
CONSENT = "I agree that my face is used to find my photos of this event."
#: Attempts to join in a minute from one address: all guests of a party may share it.
MAX_JOINS = 600
#: Guests without a selfie who are added in a minute from one address, for the same reason.
MAX_NEWCOMERS = 120
SECONDS = 60
#: The name of a guest who gives none; the form sends the word in its language.
NAMELESS = "Guest"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who may join an event, before their form is read."""

    event: Event
    signed_in: User | None
    #: Their part in the event so far.
    guest: Guest | None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinForm:
    """The values of the form; empty strings for fields that were left out."""

    consented: bool
    language: str
    #: The text that was shown with the consent box.
    consent_text: str = ""
    name: str = ""
    email: str = ""
    password: str = ""
    #: The form's secret: a form that is sent twice leads to the same guest.
    attempt: str = ""
    #: The token of a personal invitation.
    invitation: str = ""
    #: The base of links in mails; None: no mail is sent.
    base_url: str | None = None
    #: The selfie as the engine will see it.
    jpeg: bytes | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A guest of an event."""

    event: Event
    user: User
    #: None for a guest without a selfie.
    selfie: SelfieResult | None
    #: Whether they see photos; else they wait for the organiser.
    admitted: bool
    #: None if they were signed in already.
    session: Session | None = None
    #: Opens a guest's account without an e-mail; it is known only here.
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody without an account; if they give only a name, they get a key to sign in with."""

    name: str
    email: str | None = None
    password_hash: str = ""
    #: The key that the form's secret leads to, if it has one.
    key: str | None = None

    async def create_account(self, conn: Connection, language: str) -> tuple[User, str | None]:
        """Return their new account, and its key if it has no e-mail."""
        key = None
        if self.email is None:
            user_id, key = await accounts.create_keyed(conn, self.name, self.key)
        else:
            user_id = await auth.create_account(
                conn,
                name=self.name,
                email=self.email,
                password_hash=self.password_hash,
                role=Role.GUEST,
            )
        await accounts.note_language(conn, user_id, language)
        return User(user_id, self.name, self.email, Role.GUEST, language), key


@dataclass(frozen=True, slots=True)
class Joining:
    """Lets people into events."""

    pool: Pool
    cache: Cache
    selfies: GuestSelfies

    async def check_may_join(self, code: str, signed_in: User | None, origin: Origin) -> Applicant:
        """Return who may send a join form to the event with that code; call it before its body.

        A guest who joined with a selfie may send another one even after the event has closed.
        NotFound, EventClosed, JoinClosed, TooManyAttempts.
        """
        async with db.acquire(self.pool) as conn:
            event = await events.get_by_code(conn, code)
            guest = None
            if signed_in is not None:
                guest = await guests.find(conn, event.id, signed_in.id)
        if guest is None or not guest.consented:
            check_open(event)
        if await self.cache.count_attempt(f"joins:{origin.address}", seconds=SECONDS) > MAX_JOINS:
            raise TooManyAttempts
        return Applicant(event, signed_in, guest, origin)

    async def join(self, applicant: Applicant, form: JoinForm) -> Joined:
        """Store account, consent and selfie, and have the selfie judged.

        A refused selfie undoes all of it. ConsentRequired, EmailTaken, SelfieRefused,
        InvalidRequest for a field, InvitationUsed.
        """
        if not form.consented:
            raise ConsentRequired
        form = await self._with_name(applicant, form)
        event, signed_in, guest = applicant.event, applicant.signed_in, applicant.guest
        someone = signed_in or await self._identify(applicant, form)
        # a guest who only browsed so far may give their name now
        named = form.name.strip() if guest and not guest.consented else ""
        if named and signed_in is not None:
            someone = replace(signed_in, name=auth.check_name(named))
        if form.jpeg is None:
            raise SelfieRefused("The selfie is missing.", code="no_face")
        key = None
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event.id)
            if isinstance(someone, Newcomer):
                user, key = await someone.create_account(conn, form.language)
            else:
                user = someone
                if named:
                    await accounts.set_name(conn, user.id, user.name)
            before = await guests.find(conn, event.id, user.id)
            taken = None
            # the same form, sent again after its answer was lost, is the same guest's
            if form.invitation and (before is None or before.waits or not before.consented):
                taken = await invitations.take(conn, event.id, form.invitation)
            guest_id = await guests.join(
                conn,
                event.id,
                user.id,
                consent_text=form.consent_text or CONSENT,
                language=form.language,
                admitted=taken is not None or await admission.admits_all(conn, event),
            )
            if before is not None and before.waits:
                await admission.search_for(conn, event.id, [guest_id])
            admitted = await admission.is_admitted(conn, guest_id)
            selfie = await selfies.add(conn, event.id, guest_id)
            await storage.store_bytes(
                conn, form.jpeg, ImageOwner(selfie_id=selfie.id), size=Size.ORIGINAL
            )
        try:
            judged = await self.selfies.judge(event.id, selfie, form.jpeg)
        except (SelfieRefused, NotFound):
            # NotFound: the event was deleted meanwhile
            newcomer = isinstance(someone, Newcomer)
            await self._undo(user, guest_id, before, taken, newcomer=newcomer)
            raise
        session = None
        if signed_in is None:
            session = await self._open_session(user, applicant.origin.browser)
        if isinstance(someone, Newcomer) and user.email is not None and form.base_url is not None:
            async with db.transaction(self.pool) as conn:
                await confirmations.request(
                    conn,
                    self.cache,
                    user.id,
                    user.email,
                    language=form.language,
                    base_url=form.base_url,
                )
        return Joined(event, user, judged, admitted, session, key)

    async def check_may_browse(
        self, code: str, signed_in: User | None
    ) -> tuple[Event, Guest | None]:
        """Return the event with that code, and the user's part in it if they have one.

        NotFound; EventClosed, JoinClosed or BrowsingClosed if the event lets nobody else in.
        """
        async with db.acquire(self.pool) as conn:
            event = await events.get_by_code(conn, code)
            guest = None
            if signed_in is not None:
                guest = await guests.find(conn, event.id, signed_in.id)
        if guest is None:
            check_open(event)
            if not event.browsable:
                raise BrowsingClosed
        return event, guest

    async def browse(
        self, code: str, signed_in: User | None, *, name: str, origin: Origin, language: str
    ) -> Joined:
        """Let somebody see an event's gallery without a selfie; a newcomer gets an account.

        TooManyAttempts, and as `check_may_browse`.
        """
        event, guest = await self.check_may_browse(code, signed_in)
        if signed_in is not None and guest is not None:
            state = guest.selfie_state
            selfie = None if state is None else SelfieResult(state)
            return Joined(event, signed_in, selfie, not guest.waits)
        if signed_in is not None:
            async with db.transaction(self.pool) as conn:
                await events.lock(conn, event.id)
                admitted = await admission.admits_all(conn, event)
                await guests.browse(conn, event.id, signed_in.id, admitted=admitted)
            return Joined(event, signed_in, None, admitted)
        newcomer = Newcomer(auth.check_name(name.strip() or NAMELESS))
        added = await self.cache.count_attempt(f"newcomers:{origin.address}", seconds=SECONDS)
        if added > MAX_NEWCOMERS:
            raise TooManyAttempts
        async with db.transaction(self.pool) as conn:
            await events.lock(conn, event.id)
            user, key = await newcomer.create_account(conn, language)
            admitted = await admission.admits_all(conn, event)
            await guests.browse(conn, event.id, user.id, admitted=admitted)
        session = await self._open_session(user, origin.browser)
        return Joined(event, user, None, admitted, session, key)

    async def _with_name(self, applicant: Applicant, form: JoinForm) -> JoinForm:
        """Return the form with the invitation's name, if the guest gives none."""
        if not form.invitation or form.name.strip() or applicant.signed_in is not None:
            return form
        async with db.acquire(self.pool) as conn:
            name = await invitations.find(conn, applicant.event.id, form.invitation)
        return replace(form, name=name or "")

    async def _identify(self, applicant: Applicant, form: JoinForm) -> User | Newcomer:
        """Return the account that the form's password opens, or a newcomer; EmailTaken."""
        event, name = applicant.event, auth.check_name(form.name)
        email, password = form.email.strip(), form.password
        if event.accounts is Accounts.OPTIONAL and not email and not password:
            key = None
            if form.attempt:
                key = accounts.key_of_attempt(form.attempt, event.id, name)
            return Newcomer(name, key=key)
        email = auth.check_email(email)
        async with db.acquire(self.pool) as conn:
            found = await auth.find_account(conn, email)
        if found is None:
            return Newcomer(name, email, await auth.hash_password(auth.check_password(password)))
        if found[0].role is not Role.GUEST:
            raise EmailTaken
        try:
            return await sign_in.sign_in(self.pool, self.cache, email, password, applicant.origin)
        except WrongCredentials as error:
            raise EmailTaken from error

    async def _undo(
        self,
        user: User,
        guest_id: GuestId,
        before: Guest | None,
        taken: Taken | None,
        *,
        newcomer: bool,
    ) -> None:
        async with db.transaction(self.pool) as conn:
            # the same form may have been sent twice, and its other selfie be accepted
            await accounts.lock(conn, user.id)
            await guests.undo_join(conn, guest_id, before)
            if taken is not None:
                await invitations.give_back(conn, taken)
            if newcomer and not await guests.list_by_user(conn, user.id):
                await auth.delete_account(conn, user.id)

    async def _open_session(self, user: User, browser: str) -> Session:
        async with db.transaction(self.pool) as conn:
            return await auth.open_session(conn, user.id, browser)


def check_open(event: Event) -> None:
    """Raise EventClosed after an event's closing time, JoinClosed if it admits nobody."""
    if event.is_closed(datetime.now(UTC)):
        raise EventClosed
    if not event.join_open:
        raise JoinClosed
