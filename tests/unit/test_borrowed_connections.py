"""Nothing outlives its transaction on a borrowed connection: no statement resets it afterwards."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "findme"

#: What changes a session beyond the transaction that it stands in.
LASTING = re.compile(
    r"^\s*(set (?!local\b)|listen\b|declare .* with hold|create (local |global )?temp|prepare\b)"
    r"|\bpg_(try_)?advisory_lock(_shared)?\("
    r"|\bset_config\([^)]*false",
    re.IGNORECASE,
)
#: Those that end in a `finally` of their own what they begin.
UNDONE = {
    ("db.py", "select pg_advisory_lock($1)"),
    ("privacy/raw_traces.py", "set lock_timeout = '"),
}


def statements(file: Path) -> Iterator[str]:
    """Yield the text that a file gives to the database; of an f-string its first part."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}:
            continue
        for text in ast.walk(node.args[0]) if node.args else ():
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def test_no_statement_changes_its_session() -> None:
    lasting = {
        (file.relative_to(PACKAGE).as_posix(), text)
        for file in PACKAGE.rglob("*.py")
        for text in statements(file)
        if LASTING.search(text)
    }

    assert lasting == UNDONE


def test_what_lasts_is_told_from_what_ends() -> None:
    assert LASTING.search("set lock_timeout = '5s'")
    assert LASTING.search("select pg_try_advisory_lock($1)")
    assert LASTING.search("listen rights")
    assert not LASTING.search("set local synchronous_commit = off")
    assert not LASTING.search("select pg_advisory_xact_lock($1)")
    assert not LASTING.search("update photo set hidden = true")
