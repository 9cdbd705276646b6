"""Finds texts in every column of the database that can hold text, by asking its catalogue.

A column that a later migration adds is therefore searched without a change here.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from findme.db import Connection

#: What may stand before and after a text: no letter and no digit.
_EDGE = "[^[:alnum:]]"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A column of the database."""

    table: str
    column: str

    def __str__(self) -> str:
        """Return the name of the column, such as `report.note`."""
        return f"{self.table}.{self.column}"


async def find(conn: Connection, texts: Sequence[str]) -> dict[Place, int]:
    """Return the columns with one of *texts* in them, each with the number of its rows.

    A text is found as a whole word or words, whatever the case; no text finds nothing.
    """
    if not texts:
        return {}
    pattern = f"(^|{_EDGE})({'|'.join(_alternatives(texts))})({_EDGE}|$)"
    found: dict[Place, int] = {}
    for table, columns in (await _text_columns(conn)).items():
        # the names come from the catalogue, quoted by the database
        counts = ", ".join(f"count(*) filter (where {name}::text ~* $1)" for name in columns)
        row = await conn.fetchrow(f"select {counts} from {table}", pattern)  # noqa: S608
        assert row is not None
        found |= {
            Place(table, name): number
            for name, number in zip(columns, row.values(), strict=True)
            if number
        }
    return found


def _alternatives(texts: Sequence[str]) -> list[str]:
    """Return regular expressions for texts as they are, and as JSON has them."""
    forms = {form for text in texts for form in (text, json.dumps(text, ensure_ascii=False)[1:-1])}
    return [re.sub(r"([^\w\s])", r"\\\1", form) for form in sorted(forms)]


async def _text_columns(conn: Connection) -> dict[str, list[str]]:
    rows = await conn.fetch(
        """
        select quote_ident(relname) as name,
               array_agg(quote_ident(attname) order by attnum) as columns
          from pg_class join pg_attribute on attrelid = pg_class.oid
               join pg_type on pg_type.oid = atttypid
         where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
           and attnum > 0 and not attisdropped
           and (typname in ('json', 'jsonb') or typcategory = 'S'
                or typelem in (select oid from pg_type where typcategory = 'S'))
         group by relname order by relname"""
    )
    return {row["name"]: row["columns"] for row in rows}
