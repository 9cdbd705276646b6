"""The texts of somebody who is erased, looked for everywhere before the erasure is committed.

They are known only in the erasing transaction, and nothing of them is kept: the receipt gets
numbers, and the names of columns.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection
from findme.models import EventId, UserId
from findme.privacy import text_search
from findme.privacy.erasure_receipts import Opened

log = logging.getLogger(__name__)

#: Shorter names and notes are words that anybody uses: "Will", "not me".
LEAST = 8
#: Columns with words of other people, of organisers and of photographers. Once the rows of the
#: erased person are gone, what is found there is theirs.
OTHERS_WORDS = frozenset(
    {
        "account.email",
        "account.name",
        "audit.detail",
        "event.contact",
        "event.controller",
        "event.name",
        "event.watermark",
        "guest.consent_text",
        "invitation.name",
        "job.label",
        "person.name",
        "photo.credit",
        "photo.filename",
        "report.note",
        "upload_token.label",
        "upload_token.report",
        "webhook_delivery.data",
    }
)


@dataclass(frozen=True, slots=True)
class ErasedTexts:
    """The texts that an erasure removes."""

    #: Of the account, if it is erased.
    name: str | None
    email: str | None
    #: What they wrote about photos that they reported.
    notes: Sequence[str]

    @property
    def distinct(self) -> list[str]:
        """The texts that say something if they are found."""
        texts = [text for text in (self.name, *self.notes) if text and len(text) >= LEAST]
        return texts if self.email is None else [*texts, self.email]


async def collect(
    conn: Connection, user_id: UserId, event_ids: Sequence[EventId], *, whole: bool
) -> ErasedTexts:
    """Return the texts of a user's parts in events, and (*whole*) those of the account."""
    account = await conn.fetchrow("select name, email from account where id = $1", user_id)
    rows = await conn.fetch(
        """
        select note from report join guest on guest.id = guest_id
         where account_id = $1 and event_id = any($2) and note <> '' order by report.id""",
        user_id,
        list(event_ids),
    )
    known = account if whole else None
    return ErasedTexts(
        name=None if known is None else known["name"],
        email=None if known is None else known["email"],
        notes=[row["note"] for row in rows],
    )


async def check(conn: Connection, receipt: Opened, texts: ErasedTexts) -> None:
    """Look for the texts, after all was deleted, and record on the receipt what is found."""
    found = await text_search.find(conn, texts.distinct)
    left = sorted(str(place) for place in found if str(place) not in OTHERS_WORDS)
    if left:
        log.error("[Erasure] Receipt %s: text is left in %s", receipt.id, ", ".join(left))
    await conn.execute(
        "update receipt set notes = $2, mentions = $3, texts_left = $4 where id = $1",
        receipt.id,
        len(texts.notes),
        sum(number for place, number in found.items() if str(place) in OTHERS_WORDS),
        left,
    )
