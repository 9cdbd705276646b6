"""An audit finds each kind of orphan, and nothing in a service that is in order."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db
from findme.audit import command, files, rows, vectors
from findme.audit.command import AuditFailed
from findme.audit.finding import Finding
from findme.recognition.aws_session import make_session
from findme.settings import Settings
from tests.conftest import Engine, application
from tests.support.event_builder import EventBuilder
from tests.support.scripted_engine import Face, Scripted


@pytest.fixture
async def builder(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[EventBuilder]:
    """Two guests, two photos, all jobs done."""
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as app:
        opened = await EventBuilder.create(app)
        await opened.join(1)
        await opened.join(2)
        await opened.upload(1, 2)
        await opened.upload(2)
        await app.drain()
        yield opened


async def wrong_rows(builder: EventBuilder) -> set[str]:
    async with db.acquire(builder.pool) as conn:
        return {str(finding) for finding in await rows.check(conn)}


@asynccontextmanager
async def asked(endpoint: Scripted) -> AsyncIterator[vectors.AskEngine]:
    async with make_session().create_client(
        "rekognition",
        endpoint_url=endpoint.url,
        region_name=Engine.region,
        aws_access_key_id=Engine.access_key_id,
        aws_secret_access_key=Engine.secret_access_key,
    ) as client:
        yield partial(vectors.held_by_client, client)


async def wrong_vectors(builder: EventBuilder, endpoint: Scripted) -> set[str]:
    async with db.acquire(builder.pool) as conn, asked(endpoint) as ask:
        return {str(each) for each in await vectors.compare(conn, ask, seconds=0.0)}


async def test_nothing_is_found_in_a_service_that_is_in_order(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    assert await wrong_rows(builder) == set()
    assert await wrong_vectors(builder, endpoint) == set()


@pytest.mark.parametrize("path", ["/api/me", "/api/me/face", "/api/me/events/{}"])
async def test_nothing_is_found_after_an_erasure(
    builder: EventBuilder, endpoint: Scripted, path: str
) -> None:
    answer = await builder.call("DELETE", path.format(builder.event_id), builder.headers(1))
    assert answer.status == 204
    await builder.app.drain()
    assert await wrong_rows(builder) | await wrong_vectors(builder, endpoint) == set()
    # with its words, of whoever is left
    async with db.acquire(builder.pool) as conn:
        found = await rows.find_texts(conn, ["1@example.org"])
    assert bool(found) == (path != "/api/me")


async def test_nothing_is_found_after_an_event_was_deleted(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await builder.call("DELETE", f"/api/admin/events/{builder.event_id}", builder.app.admin)
    await builder.app.drain()
    assert await wrong_rows(builder) | await wrong_vectors(builder, endpoint) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            """
            delete from image_chunk where image_id = (select min(id) from image
             where photo_id is not null)""",
            "picture whose bytes are not all stored: image ",
        ),
        (
            "insert into image_chunk select image_id, 9, ''::bytea from selfie_chunk limit 1",
            "selfie's picture among the photos': image ",
        ),
        ("delete from image where photo_id = 1 and size = 'thumb'", "photo without its picture: "),
        ("delete from image where selfie_id = 1", "selfie without its picture: selfie 1"),
        ("delete from reference where selfie_id = 1", "selfie without its vector: selfie 1"),
        ("update event set cover = 'abc'", "cover of an event that has none: event 1"),
        ("update photo set state = 'prepared' where id = 1", "photo that waits without a job: "),
        ("update selfie set state = 'pending' where id = 2", "selfie that waits without a job: "),
        ("update event set expires_at = now() - interval '1 hour'", "event past its end: event 1"),
        (
            """
            insert into account (role, name, key_hash, created_at)
            values ('guest', 'Zoe', 'x', now() - interval '1 hour')""",
            "account by name alone in no event: account ",
        ),
        (
            "insert into report (photo_id, reason, note) values (1, 'other', 'Hm')",
            "words of a guest who has left: report 1",
        ),
        (
            "insert into erasure (uid, kind) select uid, 'photo' from photo where id = 2",
            "deleted, and there again: photo 2",
        ),
        (
            """
            insert into job (kind, label, priority, state, payload)
            values ('delete_collection', '', 0, 'failed', '{}')""",
            "deletion that failed: job ",
        ),
        (
            """
            insert into receipt (token_hash, whole, events, selfies, faceprints, sure, maybe,
                                 verdicts, guest_ids, texts_left)
            values ('x', true, 1, 1, 1, 1, 1, 1, '{}', '{job.error}')""",
            "receipt that does not complete: receipt 1, text in job.error",
        ),
    ],
)
async def test_each_kind_of_orphan_row_is_found(
    builder: EventBuilder, change: str, found: str
) -> None:
    await builder.pool.execute(change)
    (line,) = await wrong_rows(builder)
    assert line.startswith(found)


async def test_many_of_a_kind_are_counted(
    builder: EventBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST", 1)
    await builder.pool.execute("update photo set state = 'received'")
    kind = "photo that waits without a job"
    assert await wrong_rows(builder) == {f"{kind}: photo 1", f"{kind}: and 1 more"}


async def test_vectors_and_collections_that_one_side_knows_are_found(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    ((name, held),) = endpoint.collections.items()
    lost = min(held)
    del held[lost]
    held["stray"] = Face("stray", "g:9:9", 1, 0)
    endpoint.collections["findme-old"] = {}
    endpoint.collections["of-another-program"] = {}
    assert await wrong_vectors(builder, endpoint) == {
        f"vector that is missing: {lost} in {name}",
        f"vector of nobody: stray in {name}",
        "collection of no event: findme-old, 0 vectors",
    }


async def test_what_a_job_has_still_to_delete_is_no_orphan(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    await endpoint.down()
    await builder.call("DELETE", "/api/me", builder.headers(1))
    await endpoint.up()
    assert await wrong_vectors(builder, endpoint) == set()


async def test_what_differs_for_a_moment_is_no_orphan(
    builder: EventBuilder, endpoint: Scripted
) -> None:
    ((_, held),) = endpoint.collections.items()
    held["stray"] = Face("stray", "g:9:9", 1, 0)

    async with db.acquire(builder.pool) as conn, asked(endpoint) as ask:

        async def ask_and_commit() -> vectors.Held:
            answer = await ask()
            held.pop("stray", None)
            return answer

        assert await vectors.compare(conn, ask_and_commit, seconds=0.0) == set()


async def test_a_service_without_faces_yet_holds_nothing(tmp_path: Path) -> None:
    assert await vectors.held_by_file(tmp_path) == {}


def test_files_that_nothing_needs_are_found(tmp_path: Path) -> None:
    day_ago = time.time() - 2 * 24 * 3600
    for name, old in {
        "spool/busy/one.jpg": False,
        "spool/left/one.jpg": True,
        "partial/4/of-an-event": False,
        "partial/4/forgotten": True,
        "partial/5/of-no-event": False,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        if old:
            os.utime(path, (day_ago, day_ago))
    os.utime(tmp_path / "spool/left", (day_ago, day_ago))
    (tmp_path / "postgres-18.unfinished").mkdir()

    assert files.leftovers(tmp_path, [4]) == [
        Finding("spool file of no request", "spool/left"),
        Finding("partial upload that nobody continued", "partial/4/forgotten"),
        Finding("partial upload of no event", "partial/5"),
        Finding("database that was never finished", "postgres-18.unfinished"),
    ]
    assert files.leftovers(tmp_path / "none", []) == []


def test_texts_are_found_across_pieces_and_behind_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 8)
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "var"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "base").write_bytes(b"12345" + "Zoé Ash".encode() + b"678")
    (folder / "log").write_bytes(b"\0\0\0zo\xc3\xa9 ash")
    (folder / "other").write_bytes(b"Zoe Ash")
    (folder / "database").symlink_to(elsewhere)
    found = {finding.where for finding in files.find_texts(folder, ["Zoé Ash"])}
    assert found == {"database/base", "log"}
    assert files.find_texts(folder, []) == []


async def test_an_engine_that_cannot_be_asked_ends_the_audit_with_a_sentence(
    settings: Settings, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "none")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", "http://127.0.0.1:9")
    away = replace(settings, database_url=database, face_engine="aws", aws_region="eu-west-1")
    with pytest.raises(AuditFailed, match="The face engine cannot be asked"):
        await command.run(away)
