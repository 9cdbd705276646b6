"""Tables as CSV (RFC 4180), for spreadsheets: what people typed is never run as a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

#: Spreadsheets take a text that begins with one of these for a formula (OWASP, "CSV Injection"):
#: also as full-width characters, and behind a tab or a line's end.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Tells Excel that the bytes are UTF-8.
MARK: Final = "\ufeff".encode()


def csv_of(rows: Iterable[Sequence[str | None]]) -> bytes:
    """Return lines of CSV in UTF-8; None is an empty cell."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(text) for text in row] for row in rows)
    return out.getvalue().encode()


def _cell(text: str | None) -> str:
    """Return a cell's text, behind an apostrophe if it would begin a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
