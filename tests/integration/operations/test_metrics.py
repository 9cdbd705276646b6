"""GET /metrics: who may read it, what it says, and that the dashboard asks for nothing else."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_aiohttp.plugin import AiohttpClient

from findme.settings import Settings
from tests.conftest import App, application
from tests.support.helpers import bearer, make_event, make_token, member, upload
from tests.support.no_engine_app import NO_ENGINE
from tests.support.pictures import drawn
from tests.support.scripted_engine import Scripted, picture

DASHBOARD = Path(__file__).parents[3] / "deploy/grafana-dashboard.json"
TOKEN = "a scraper's token"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(findme_data_dir=tmp_path, metrics_token=TOKEN)


@pytest.fixture
async def app(
    aiohttp_client: AiohttpClient, settings: Settings, database: str, endpoint: Scripted
) -> AsyncIterator[App]:
    async with application(aiohttp_client, settings, database, endpoint_url=endpoint.url) as opened:
        yield opened


async def samples(app: App) -> dict[str, float]:
    """Scrape, and return each sample's value by its name with its labels."""
    answer = await app.client.get("/metrics", headers=bearer(TOKEN))
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "text/plain"
    found = {}
    for family in text_string_to_metric_families(await answer.text()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def test_metrics_are_for_admins_and_the_scrapers_token(app: App) -> None:
    event = await make_event(app)
    guest = await member(app.resources.pool, event)
    assert (await app.client.get("/metrics")).status == 401
    assert (await app.client.get("/metrics", headers=bearer("another"))).status == 401
    assert (await app.client.get("/metrics", headers=guest.headers)).status == 404
    uploader = await make_token(app, event)
    assert (await app.client.get("/metrics", headers=uploader)).status == 404
    assert (await app.client.get("/metrics", headers=app.admin)).status == 200
    assert (await app.client.get("/metrics", headers=bearer(TOKEN))).status == 200


async def test_the_scrapers_token_opens_nothing_else(app: App) -> None:
    for path in ("/api/admin/events", "/api/admin/queue/stats", "/api/me"):
        assert (await app.client.get(path, headers=bearer(TOKEN))).status == 401


async def test_without_a_token_set_only_admins_read_it(
    aiohttp_client: AiohttpClient, settings: Settings, database: str
) -> None:
    bare = replace(settings, metrics_token=None)
    async with application(aiohttp_client, bare, database, endpoint_url=NO_ENGINE) as app:
        assert (await app.client.get("/metrics", headers=bearer(""))).status == 401
        assert (await app.client.get("/metrics", headers=bearer(TOKEN))).status == 401
        assert (await app.client.get("/metrics", headers=app.admin)).status == 200


async def test_what_happened_is_counted(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "people.jpg", picture(1, 2))
    await upload(app, event, "broken.jpg", drawn(1)[:5000])
    await app.resources.pool.execute("update job set created_at = now() - interval '10 s'")
    before = await samples(app)
    assert before["findme_jobs{state=queued}"] == 2
    assert before["findme_jobs_enqueued_total{}"] == 2
    assert before["findme_job_oldest_seconds{}"] >= 10
    await app.drain()
    after = await samples(app)
    assert after["findme_jobs{state=queued}"] == 0
    assert after["findme_jobs{state=failed}"] == 1
    assert after["findme_jobs_done_total{}"] == 1
    done = "findme_job_duration_seconds_count{kind=index_photo,state=done}"
    failed = "findme_job_duration_seconds_count{kind=index_photo,state=failed}"
    assert (after[done], after[failed]) == (1, 1)
    assert after["findme_rekognition_calls_total{operation=IndexFaces}"] == 1
    assert after["findme_rekognition_cost_usd_total{}"] == 0.001
    assert (after["findme_photos{}"], after["findme_faces{}"]) == (2, 2)
    assert after["findme_process_resident_bytes{}"] > 10_000_000


async def test_requests_are_counted_by_the_routes_template(app: App) -> None:
    event = await make_event(app)
    name = "findme_http_request_duration_seconds_count"
    for event_id in (event["id"], "999", "998"):
        await app.client.get(f"/api/admin/events/{event_id}", headers=app.admin)
    await app.client.get("/nothing/here")
    await app.client.request("PROPFIND", "/nothing/here")
    found = await samples(app)
    route = "route=/api/admin/events/{id}"
    assert found[f"{name}{{method=GET,{route},status=200}}"] == 1
    assert found[f"{name}{{method=GET,{route},status=404}}"] == 2
    assert found[f"{name}{{method=GET,route=none,status=404}}"] == 1
    assert found[f"{name}{{method=other,route=none,status=404}}"] == 1


async def test_the_dashboard_asks_for_what_there_is(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "people.jpg", picture(1))
    await app.drain()
    await app.resources.pool.execute("update photo set taken_at = ready_at - interval '9 seconds'")
    found = await samples(app)
    assert found["findme_shutter_to_gallery_seconds{quantile=0.5}"] == 9
    # a camera that was never set tells nothing
    await app.resources.pool.execute("update photo set taken_at = ready_at - interval '9 years'")
    assert "findme_shutter_to_gallery_seconds{quantile=0.5}" not in await samples(app)
    names = {name.partition("{")[0] for name in found}
    asked = {
        name
        for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]
        for target in panel["targets"]
        for name in re.findall(r"findme_\w+", target["expr"])
    }
    assert asked
    assert asked - names == set()
