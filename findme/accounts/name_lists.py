"""Names in a list that an organiser pastes or uploads, and tables that are safe to open."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

from findme.errors import InvalidRequest

#: Names of one list.
MOST_NAMES = 1000
#: Headings of columns with names, in the order in which they make a whole one.
FIRST = ("first name", "firstname", "given name", "prénom", "prenom", "vorname", "nombre")
LAST = (
    "last name",
    "lastname",
    "family name",
    "surname",
    "nom de famille",
    "nachname",
    "apellidos",
)
WHOLE = ("name", "full name", "guest", "nom", "invité", "gast", "nome")
#: What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-16 with its mark, or else as Excel saves in Europe."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_names(text: str) -> list[str]:
    """Return the names in a text, as they stand there; InvalidRequest beyond MOST_NAMES.

    Each line is a name. If the first line names columns (`name`; or first and last name), the text
    is a table with commas, semicolons or tabs, and other columns are left out.
    """
    lines = [line for line in text.replace("\0", "").splitlines() if line.strip(" \t,;")]
    if len(lines) > MOST_NAMES + 1:
        raise InvalidRequest(f"A list has at most {MOST_NAMES} names.", field="names")
    columns, delimiter = _columns(lines[0]) if lines else ([], ",")
    if not columns:
        names = [line.strip().strip('"').strip(" ;,\t") for line in lines]
    else:
        rows = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter=delimiter)
        names = [" ".join(row[at].strip() for at in columns if at < len(row)) for row in rows]
    names = [name for name in names if name.strip()]
    if len(names) > MOST_NAMES:
        raise InvalidRequest(f"A list has at most {MOST_NAMES} names.", field="names")
    return names


def _columns(heading: str) -> tuple[Sequence[int], str]:
    """Return which columns make a name, and what is between them; none if it is no heading."""
    for delimiter in (";", "\t", ","):
        cells = [cell.strip().strip('"').casefold() for cell in heading.split(delimiter)]
        first = next((at for at, cell in enumerate(cells) if cell in FIRST), None)
        # `nom` beside `prénom` is a family name
        family = LAST if first is None else (*LAST, *WHOLE)
        last = next((at for at, cell in enumerate(cells) if cell in family), None)
        whole = next((at for at, cell in enumerate(cells) if cell in WHOLE), None)
        if first is not None or last is not None:
            return [at for at in (first, last) if at is not None], delimiter
        if whole is not None:
            return [whole], delimiter
    return [], ","


def write_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return a table for a spreadsheet; no cell of it is taken for a formula."""
    out = io.StringIO()
    csv.writer(out).writerows(
        [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in rows
    )
    return out.getvalue()
