"""Joining is called with a form's values, without a request."""

import pytest

from findme import db
from findme.accounts import guests
from findme.accounts.rights import Rights
from findme.accounts.sign_in import Origin
from findme.db import Pool
from findme.errors import ConsentRequired, JoinClosed, SelfieRefused, TooManyAttempts
from findme.models import Event, SelfieState
from findme.resources import Resources
from findme.services import joining as joining_module
from findme.services.guest_selfies import GuestSelfies
from findme.services.joining import JoinForm, Joining
from tests.support.helpers import PASSWORD, add_gala
from tests.support.scripted_engine import Scripted, picture

ORIGIN = Origin("203.0.113.7")


@pytest.fixture
def joining(resources: Resources) -> Joining:
    selfies = GuestSelfies(
        resources.settings,
        resources.pool,
        resources.cache,
        resources.image_workers,
        resources.selfies,
        resources.vectors,
        resources.queue,
    )
    return Joining(resources.pool, resources.cache, selfies)


@pytest.fixture
async def event(pool: Pool) -> Event:
    async with db.transaction(pool) as conn:
        return await add_gala(conn)


def form_of(*people: int, consented: bool = True) -> JoinForm:
    """Return the form of Ada, with a selfie that shows these people."""
    return JoinForm(
        consented=consented,
        language="en",
        name="Ada",
        email="ada@example.org",
        password=PASSWORD,
        jpeg=picture(*people),
    )


async def test_a_newcomer_gets_an_account_a_session_and_an_accepted_selfie(
    resources: Resources, joining: Joining, event: Event
) -> None:
    applicant = await joining.check_may_join(event.code, None, ORIGIN)
    joined = await joining.join(applicant, form_of(1))

    assert joined.selfie is not None
    assert joined.selfie.state is SelfieState.ACCEPTED
    assert joined.session is not None
    who = await Rights(resources.pool, resources.cache).identify(
        joined.session.token, by_cookie=False
    )
    assert who is not None
    assert who.user == joined.user
    async with db.acquire(resources.pool) as conn:
        guest = await guests.find(conn, event.id, joined.user.id)
        kind = await conn.fetchval("select kind from job where state = 'queued'")
    assert guest is not None
    assert guest.consented
    assert kind == "match_selfie"


@pytest.mark.parametrize(("people", "code"), [((), "no_face"), ((1, 2), "several_faces")])
async def test_a_refused_selfie_leaves_no_account_and_no_guest(
    pool: Pool, joining: Joining, event: Event, people: tuple[int, ...], code: str
) -> None:
    applicant = await joining.check_may_join(event.code, None, ORIGIN)
    with pytest.raises(SelfieRefused) as refused:
        await joining.join(applicant, form_of(*people))

    assert refused.value.code == code
    for table in ("account", "guest", "selfie", "image"):
        assert await pool.fetchval(f"select count(*) from {table}") == 0, table


async def test_without_the_engine_the_selfie_waits_for_a_worker(
    pool: Pool, joining: Joining, event: Event, endpoint: Scripted
) -> None:
    await endpoint.down()
    applicant = await joining.check_may_join(event.code, None, ORIGIN)
    joined = await joining.join(applicant, form_of(1))

    assert joined.selfie is not None
    assert joined.selfie.state is SelfieState.PENDING
    job = await pool.fetchrow("select kind, state, parked from job")
    assert tuple(job or ()) == ("index_selfie", "queued", True)


async def test_nothing_is_stored_without_consent(
    pool: Pool, joining: Joining, event: Event
) -> None:
    applicant = await joining.check_may_join(event.code, None, ORIGIN)
    with pytest.raises(ConsentRequired):
        await joining.join(applicant, form_of(1, consented=False))
    assert await pool.fetchval("select count(*) from account") == 0


async def test_a_closed_event_and_a_busy_address_are_refused_before_the_form(
    pool: Pool, joining: Joining, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining_module, "MAX_JOINS", 1)
    await joining.check_may_join(event.code, None, ORIGIN)
    with pytest.raises(TooManyAttempts):
        await joining.check_may_join(event.code, None, ORIGIN)

    await pool.execute("update event set join_open = false")
    with pytest.raises(JoinClosed):
        await joining.check_may_join(event.code, None, Origin("203.0.113.8"))
