"""Lists of names as organisers have them, and tables that are safe to open."""

import csv
import io

import pytest

from findme.accounts import name_lists
from findme.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ada Lovelace\r\n\r\n  Émile \n;;\n", ["Ada Lovelace", "Émile"]),
        ('"Dupont, Marie"\nBen', ["Dupont, Marie", "Ben"]),
        ("name\nAda\n", ["Ada"]),
        ("\nName;Table\nAda;3\nBen;4\n", ["Ada", "Ben"]),
        ("Nom;Prénom;E-mail\nCurie;Marie;m@example.org\n;Cher;\n", ["Marie Curie", " Cher"]),
        ('First name,Last name\nAda,"King, Countess"\n', ["Ada King, Countess"]),
        ("e-mail\tfull name\na@example.org\tAda\n\t\n", ["Ada"]),
        ("", []),
        ("\0\n", []),
    ],
)
def test_names_are_read_from_lines_and_from_tables(text: str, names: list[str]) -> None:
    assert [" ".join(name.split()) for name in name_lists.read_names(text)] == [
        " ".join(name.split()) for name in names
    ]


def test_a_list_that_is_too_long_is_refused_before_it_is_read() -> None:
    most = "\n".join(["name", *("n" * 9 for _ in range(name_lists.MOST_NAMES))])
    assert len(name_lists.read_names(most)) == name_lists.MOST_NAMES
    with pytest.raises(InvalidRequest):
        name_lists.read_names(most + "\nmore")
    with pytest.raises(InvalidRequest):
        name_lists.read_names("\n".join(["Ada"] * (name_lists.MOST_NAMES + 1)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_however_a_spreadsheet_has_saved_it(encoding: str) -> None:
    assert name_lists.decode("Zoë".encode(encoding)) == "Zoë"


@pytest.mark.parametrize("name", ['=HYPERLINK("https://evil.example")', "+1", "-1", "@SUM(A1)"])
def test_no_name_is_a_formula_in_the_table(name: str) -> None:
    table = name_lists.write_csv([("name", "link"), (name, "https://x.example"), ('a"b,c', "-")])
    rows = list(csv.reader(io.StringIO(table)))
    assert rows[1:] == [[f"'{name}", "https://x.example"], ['a"b,c', "'-"]]
