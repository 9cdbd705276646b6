"""The operator's numbers and jobs."""

import asyncio
import re

from findme.operations.stats import LoopWatch
from tests.conftest import App
from tests.support.helpers import make_event, problem, selfie_of, upload
from tests.support.pictures import drawn

STATS = "/api/admin/queue/stats"
JOBS = "/api/admin/queue/jobs"
KEYS = {
    "queue": {
        "total_enqueued", "total_processed", "total_failed", "current_queue_size",
        "workers_active", "oldest_waiting_s", "per_minute",
    },
    "cache": {"user_photos_cache", "user_cache"},
    "rekognition": {"in_flight", "limit", "calls", "throttled", "errors", "estimated_usd"},
    "database": {"size", "idle", "waiting"},
    "process": {"rss_mb", "uptime_s", "replicas"},
}  # fmt: skip


async def test_the_stats_have_every_key_of_the_contract(app: App) -> None:
    body = await (await app.client.get(STATS, headers=app.admin)).json()
    for part, keys in KEYS.items():
        assert keys <= set(body[part]), part
    for region in body["cache"].values():
        assert {"size", "hits", "misses", "hit_rate"} <= set(region)
        assert re.fullmatch(r"\d+\.\d\d%", region["hit_rate"])
    assert body["process"]["replicas"] == 1
    assert body["process"]["rss_mb"] > 10
    assert 0 < body["process"]["open_files"] < body["process"]["max_open_files"]
    assert body["database"]["size"] >= body["database"]["idle"] >= 1


async def test_the_stats_count_what_happened(app: App) -> None:
    event = await make_event(app)
    await upload(app, event, "face.jpg", selfie_of())
    await upload(app, event, "broken.jpg", drawn(1)[:5000])
    before = (await (await app.client.get(STATS, headers=app.admin)).json())["queue"]
    assert (before["total_enqueued"], before["current_queue_size"]) == (2, 2)
    await app.drain()
    body = await (await app.client.get(STATS, headers=app.admin)).json()
    queue = body["queue"]
    assert (queue["total_processed"], queue["total_failed"]) == (1, 1)
    assert (queue["current_queue_size"], queue["workers_active"]) == (0, 0)
    assert (queue["oldest_waiting_s"], queue["per_minute"]) == (0, 1)
    calls = body["rekognition"]["calls"]
    assert (calls["CreateCollection"], calls["IndexFaces"]) == (1, 1)
    assert body["rekognition"]["in_flight"] == 0
    assert body["rekognition"]["estimated_usd"] > 0


async def test_jobs_are_listed_by_state_and_shown_with_their_error(app: App) -> None:
    event = await make_event(app)
    done = await upload(app, event, "face.jpg", selfie_of())
    failed = await upload(app, event, "broken.jpg", drawn(1)[:5000])
    await app.drain()
    every = await app.client.get(f"{JOBS}?limit=1", headers=app.admin)
    assert [job["id"] for job in await every.json()] == [failed["job_id"]]
    assert every.headers["X-Total-Count"] == "2"
    (job,) = await (await app.client.get(f"{JOBS}?state=failed", headers=app.admin)).json()
    assert set(job) >= {
        "id", "kind", "state", "attempts", "filename", "photo_id", "event_id", "error",
        "created_at", "started_at", "finished_at",
    }  # fmt: skip
    assert (job["id"], job["filename"], job["attempts"]) == (failed["job_id"], "broken.jpg", 1)
    assert job["error"]
    one = await (await app.client.get(f"{JOBS}/{done['job_id']}", headers=app.admin)).json()
    assert (one["state"], one["error"]) == ("done", None)
    assert one["finished_at"] >= one["started_at"] >= one["created_at"]
    assert (await problem(await app.client.get(f"{JOBS}?state=odd", headers=app.admin)))[0] == 422


async def test_a_failed_job_is_tried_again_on_demand_and_no_other(app: App) -> None:
    event = await make_event(app)
    done = await upload(app, event, "face.jpg", selfie_of())
    failed = await upload(app, event, "broken.jpg", drawn(1)[:5000])
    await app.drain()
    answer = await app.client.post(f"{JOBS}/{failed['job_id']}/retry", headers=app.admin)
    body = await answer.json()
    assert (answer.status, body["state"], body["error"]) == (202, "queued", None)
    for job_id in (failed["job_id"], done["job_id"], "999", "x"):
        answer = await app.client.post(f"{JOBS}/{job_id}/retry", headers=app.admin)
        assert (await problem(answer))[0] == 404


async def test_a_blocked_event_loop_is_noticed() -> None:
    watch = LoopWatch()
    task = asyncio.create_task(watch.run())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.sleep(0)
    while loop.time() - begun < LoopWatch.PERIOD + 0.06:
        pass
    for _ in range(1_000_000):
        if watch.longest_ms:
            break
        await asyncio.sleep(0)
    assert watch.longest_ms >= 50
    task.cancel()
    await asyncio.wait([task])
