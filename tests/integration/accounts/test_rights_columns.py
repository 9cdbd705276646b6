"""Every column that is kept of rights announces its changes."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from findme import db
from findme.accounts import rights
from findme.db import Pool
from findme.models import Event

PACKAGE = Path(rights.__file__).parents[1]
TABLES = (
    "account", "default_threshold", "event", "guest", "second_factor", "selfie", "session",
    "upload_token",
)  # fmt: skip
#: Read by `event.*`, and kept in no record.
UNUSED = {
    ("event", name) for name in ("last_face", "last_reference", "uid", "warned_of")
}  # fmt: skip
#: What may be written without a word to anybody: no record has it.
SILENT = {
    "account": {"announced_at", "email_proven_at", "idle_since", "key_hash", "password_hash"},
    "event": {"last_face", "last_reference", "warned_of"},
    "guest": {"consent_language", "consent_text", "notified_at", "notify_mail"},
    "second_factor": {"last_step", "secret"},
    "selfie": {"advice", "claimed_until", "replaces"},
    "upload_token": {"clock_offset_s", "label", "last_used_at", "report", "reported_at"},
}
#: Where a new row changes what was found before.
BY_INSERT = {"default_threshold", "guest", "second_factor", "selfie"}
INSERT, DELETE, UPDATE, TRUNCATE = 4, 8, 16, 32


def literals(text: str) -> Iterator[str]:
    """Yield the strings of a module; of an f-string, its parts."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


async def announced(conn: db.Connection) -> dict[str, tuple[int, set[str]]]:
    """Return which statements on a table are announced, and of UPDATE which columns."""
    rows = await conn.fetch("""
        select tgrelid::regclass::text as name, tgtype,
               array(select attname::text from pg_attribute
                      where attrelid = tgrelid and attnum = any(tgattr)) as columns
          from pg_trigger where tgfoid = 'tell_rights_changed'::regproc and tgenabled = 'O'""")
    return {row["name"]: (row["tgtype"], set(row["columns"])) for row in rows}


async def test_every_column_that_is_read_is_announced(pool: Pool) -> None:
    reading = [
        text for text in literals(inspect.getsource(rights)) if text.strip().startswith("select")
    ]
    reading = [text for text in reading if " from " in text]
    async with db.acquire(pool) as conn:
        told = await announced(conn)
        read: set[tuple[str, str]] = set()
        for number, text in enumerate(reading):
            name = f"probe_{number}"
            await conn.execute(f"create view {name} as {re.sub(r'[$][0-9]', 'null', text)}")
            rows = await conn.fetch(
                """
                with recursive depends as (
                    select $1::regclass::oid as view
                     union
                    select refobjid from depends join pg_rewrite on ev_class = view
                           join pg_depend on objid = pg_rewrite.oid
                     where refclassid = 'pg_class'::regclass)
                select distinct relname::text, attname::text
                  from depends join pg_rewrite on ev_class = view
                       join pg_depend on objid = pg_rewrite.oid
                       join pg_attribute on attrelid = refobjid and attnum = refobjsubid
                       join pg_class on pg_class.oid = attrelid
                 where relkind = 'r' and attidentity = '' and attnum > 0""",
                name,
            )
            read |= {(row["relname"], row["attname"]) for row in rows}
            await conn.execute(f"drop view {name}")
    # `_find_upload_token` writes when it was used, so it is no view
    read |= {("upload_token", "token_hash"), ("upload_token", "event_id")}

    assert len(reading) == 2
    assert {table for table, _ in read} == set(TABLES)
    assert {name for _, name in UNUSED}.isdisjoint(field.name for field in fields(Event))
    missing = {(table, column) for table, column in read - UNUSED if column not in told[table][1]}
    assert missing == set()
    for table, (statements, _) in told.items():
        assert statements & DELETE, table
        assert statements & UPDATE, table
        assert statements & TRUNCATE, table
        assert bool(statements & INSERT) is (table in BY_INSERT), table


async def test_every_place_that_writes_a_kept_column_is_announced(pool: Pool) -> None:
    """A column that is written anywhere is announced, or known to be in no record."""
    async with db.acquire(pool) as conn:
        told = await announced(conn)
    written: set[tuple[str, str]] = set()
    places = 0
    names = "|".join(TABLES)
    for file in PACKAGE.rglob("*.py"):
        if file.is_relative_to(PACKAGE / "watcher") or file.is_relative_to(PACKAGE / "engine"):
            continue  # they have databases of their own
        for text in literals(file.read_text("utf-8")):
            pattern = rf"\b(?:update (?P<a>{names})|insert into (?P<b>{names})\b.*?do update)"
            for found in re.finditer(rf"{pattern}\s+set (?P<set>.*)", text, re.DOTALL):
                places += 1
                table = found["a"] or found["b"]
                written |= {(table, column) for column in columns_of(found["set"])}

    unknown = {
        (table, column)
        for table, column in written
        if column not in told[table][1] and column not in SILENT.get(table, set())
    }
    assert unknown == set()
    assert places > 25
    # what is said to be in no record is announced nowhere
    assert not {
        (table, column) for table, columns in SILENT.items() for column in columns & told[table][1]
    }


def columns_of(assignments: str) -> set[str]:
    """Return the columns of what follows `set`, up to the end of the statement's list."""
    columns: set[str] = set()
    depth, start = 0, 0
    for at, sign in enumerate(assignments + ","):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0 or (sign == "," and depth == 0):
            part = assignments[start:at]
            start = at + 1
            if found := re.match(r"\s*(\w+) = ", part):
                columns.add(found[1])
            elif found := re.match(r"\s*\(([\w, ]+)\) = ", part):
                columns |= {name.strip() for name in found[1].split(",")}
            if depth < 0 or re.search(r"\b(where|from|returning)\b", part):
                break
    return columns


def test_columns_are_found_in_statements() -> None:
    assert columns_of("name = $2, at = coalesce(at, now()) where id = $1, x = 2") == {"name", "at"}
    assert columns_of("(sure, maybe) = ($1, $2)") == {"sure", "maybe"}
    assert columns_of("a = 1 returning b), other = 2") == {"a"}


def test_only_borrowed_connections_write_in_a_service() -> None:
    """What a connection of its own wrote would be heard, but not before it is answered."""
    opened = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if re.search(r"asyncpg\.(connect|create_pool)\(", file.read_text("utf-8"))
    }

    assert opened == {
        "accounts/rights.py",  # listens
        "audit/command.py",  # commands, in processes of their own
        "backup/create.py",
        "backup/restore.py",
        "db.py",
        "resources.py",  # migrates before the service starts
    }
