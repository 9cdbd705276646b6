"""What each role of `findme serve` does again and again."""

from findme.periodic import ROLES
from findme.server import periodic_work
from tests.conftest import App
from tests.support.no_engine_app import app, settings

__all__ = ["app", "settings"]

OF_JOBS = {
    "Old jobs",
    "Audit log",
    "Erasure journal",
    "Expiring events",
    *(f"Webhooks-{number}" for number in range(4)),
}


async def test_jobs_and_pages_have_work_of_their_own_and_one_service_does_all(app: App) -> None:
    application = app.client.app
    assert application is not None
    names = {
        role: [work.name for work in periodic_work(application, app.resources, role)]
        for role in ROLES
    }

    assert set(names["worker"]) - set(names["web"]) == OF_JOBS
    assert set(names["web"]) - set(names["worker"]) == {"Dashboard"}
    assert set(names["all"]) == {*names["web"], *names["worker"]}
    assert len(set(names["all"])) == len(names["all"])


async def test_bill_and_journal_are_written_once_more_at_the_stop(app: App) -> None:
    application = app.client.app
    assert application is not None
    last = [work.name for work in periodic_work(application, app.resources, "all") if work.at_stop]

    assert last == ["Usage", "Erasure journal"]
