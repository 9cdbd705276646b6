"""Alive, and able to serve."""

from dataclasses import replace

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from findme import db, rekognition, server
from findme.jobs.no_workers import NoWorkers
from findme.settings import Settings
from tests.conftest import App, Engine, application
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tries an absent engine again, seconds later."""
    monkeypatch.setattr(rekognition, "RETRIES", 0)


async def test_a_service_with_all_it_needs_is_ready(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, engine: Engine
) -> None:
    async with application(aiohttp_client, settings, database, endpoint_url=engine.url) as whole:
        assert (await whole.client.get("/healthz")).status == 200
        answer = await whole.client.get("/readyz")
        assert answer.status == 200
        assert await answer.json() == {"status": "ok", "database": "ok", "face_engine": "ok"}


async def test_without_the_engine_it_is_alive_and_not_ready(app: App) -> None:
    assert (await app.client.get("/healthz")).status == 200
    answer = await app.client.get("/readyz")
    assert answer.status == 503
    body = await answer.json()
    assert (body["database"], body["face_engine"]) == ("ok", "unreachable")


async def test_without_the_database_it_is_alive_and_not_ready(
    app: App, aiohttp_client: AiohttpClient, database: str
) -> None:
    async with db.open_pool(database, min_size=1, max_size=1) as pool:
        client = await aiohttp_client(
            server.make_app(replace(app.resources, pool=pool, queue=NoWorkers()), "all")
        )
    assert (await client.get("/healthz")).status == 200
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["database"] == "unreachable"


async def test_every_answer_carries_an_id_and_the_headers_of_care(app: App) -> None:
    for path in ("/healthz", "/api/me", "/nothing"):
        headers = (await app.client.get(path)).headers
        assert len(headers["X-Request-Id"]) == 16
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


async def test_what_is_not_there_is_a_problem_document(app: App) -> None:
    for method, path, status in (("GET", "/api/nothing", 404), ("DELETE", "/api/auth/login", 405)):
        answer = await app.client.request(method, path)
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        body = await answer.json()
        assert body["status"] == status
        assert body["code"]
    assert answer.headers["Allow"] == "POST"


async def test_a_body_that_is_too_large_to_be_read_whole_is_413(app: App) -> None:
    answer = await app.client.post("/api/auth/login", data=b" " * (server.MAX_BODY + 1))
    assert answer.status == 413
    assert answer.content_type == "application/problem+json"


async def test_a_worker_answers_for_its_health_alone(
    app: App, aiohttp_client: AiohttpClient
) -> None:
    client = await aiohttp_client(server.make_app(app.resources, "worker"))
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/api/me")).status == 404
