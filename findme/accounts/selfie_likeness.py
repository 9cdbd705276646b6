"""Which of a guest's selfies another one must resemble, so that nobody looks for others."""

from collections.abc import Sequence

from findme.accounts.selfies import JudgedSelfie, PendingSelfie
from findme.db import Connection
from findme.errors import SelfieRefused
from findme.models import Admission, Event, SelfieId

_NOT_ALIKE = "This picture does not look like your other selfies. If it is you, try another one. "
_OTHERWISE = {
    Admission.OPEN: "Otherwise replace your selfies: the old ones are erased.",
    Admission.APPROVAL: "Otherwise leave the event and join again: the organiser admits you anew.",
}


def not_alike(event: Event) -> SelfieRefused:
    """Return the refusal of a selfie that resembles none that it must."""
    return SelfieRefused(_NOT_ALIKE + _OTHERWISE[event.admission], code="not_alike")


async def list_vouching(
    conn: Connection, event: Event, selfie: PendingSelfie, judged: JudgedSelfie
) -> Sequence[SelfieId]:
    """Return the guest's accepted selfies of which this one must resemble one, newest first.

    They are those that would stay beside it; a lost one is replaced. If the organiser admits each
    guest, they are all of them: otherwise somebody could be admitted with one face, and then look
    for another.
    """
    rows = await conn.fetch(
        """
        select other.id
          from selfie join selfie as other on other.guest_id = selfie.guest_id
         where selfie.id = $1 and other.id <> selfie.id and other.state = 'accepted'
           and (not selfie.replaces or $2 or other.id > selfie.id)
           and not exists (select from lost_selfie where lost_selfie.id = other.id)
         order by other.id desc""",
        selfie.id,
        bool(judged.advice) or event.admission is Admission.APPROVAL,
    )
    return [SelfieId(row["id"]) for row in rows]
