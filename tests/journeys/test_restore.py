"""A machine is lost: the backup goes onto another one, and who had left stays away."""

import io
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.cli import findme
from tests.support.labelled_event import two_guests
from tests.support.pictures import labelled
from tests.support.scripted_guests import until
from tests.support.service import Service, running_service

PASSWORD = "a long password"
JOBS = "/api/admin/queue/jobs?limit=1000"


async def call(
    session: aiohttp.ClientSession, method: str, url: str, token: str = "", **options: Any
) -> tuple[int, Any]:
    """Return status and JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    async with session.request(method, url, headers=headers, **options) as answer:
        body = await answer.json(content_type=None) if answer.content_length != 0 else None
    session.cookie_jar.clear()
    return answer.status, body


async def sign_in(
    session: aiohttp.ClientSession, service: Service, email: str, password: str
) -> tuple[int, str]:
    status, body = await call(
        session,
        "POST",
        f"{service.url}/api/auth/login",
        json={"email": email, "password": password},
    )
    return status, body.get("token", "")


async def join(
    session: aiohttp.ClientSession, service: Service, event: dict[str, str], name: str
) -> str:
    form = aiohttp.FormData()
    email = f"{name}@example.org"
    for field, value in {"name": name, "email": email, "password": PASSWORD}.items():
        form.add_field(field, value)
    form.add_field("consent", "yes")
    picture = labelled().selfies[name].read_bytes()
    form.add_field("selfie", io.BytesIO(picture), filename="selfie.jpg")
    status, body = await call(
        session, "POST", f"{service.url}/api/events/{event['code']}/join", data=form
    )
    assert status == 201, body
    token: str = body["token"]
    return token


async def mine(
    session: aiohttp.ClientSession, service: Service, event: dict[str, str], token: str
) -> set[str]:
    status, body = await call(
        session, "GET", f"{service.url}/api/my-photos?event={event['id']}", token
    )
    assert status == 200, body
    return {photo["filename"] for photo in body}


async def idle(session: aiohttp.ClientSession, service: Service, admin: str) -> bool:
    _, jobs = await call(session, "GET", f"{service.url}{JOBS}", admin)
    return not any(job["state"] in ("queued", "running") for job in jobs)


async def test_a_guest_who_left_after_the_backup_stays_away_and_the_others_find_their_photos(
    scratch: Path, tmp_path: Path
) -> None:
    leaving, staying, files = two_guests()
    (scratch / "restore").mkdir()
    old, new = scratch / "restore" / "old", scratch / "restore" / "new"
    kept = tmp_path / "findme.backup"
    async with aiohttp.ClientSession() as session:
        with running_service(old) as service:
            _, admin = await sign_in(session, service, service.admin_email, service.admin_password)
            _, event = await call(
                session, "POST", f"{service.url}/api/admin/events", admin, json={"name": "Gala"}
            )
            tokens = {
                name: await join(session, service, event, name) for name in (leaving, staying)
            }
            for path in labelled().people:
                if path.name in files:
                    status, _ = await call(
                        session,
                        "POST",
                        f"{service.url}/api/events/{event['id']}/photos?filename={path.name}",
                        admin,
                        data=path.read_bytes(),
                        headers={"Content-Type": "image/jpeg"},
                    )
                    assert status == 202

            async def found() -> bool:
                return all([await mine(session, service, event, each) for each in tokens.values()])

            await until(found)
            await until(lambda: idle(session, service, admin))
            done = findme("backup", str(kept), cwd=tmp_path, FINDME_DATA_DIR=str(old))
            assert done.returncode == 0, done.stderr
            before = await mine(session, service, event, tokens[staying])
            status, _ = await call(session, "DELETE", f"{service.url}/api/me", tokens[leaving])
            assert status == 204
            service.terminate()

        done = findme(
            "restore",
            str(kept),
            "--erasures",
            str(old / "erasures.log"),
            cwd=tmp_path,
            FINDME_DATA_DIR=str(new),
        )
        assert done.returncode == 0, done.stderr
        assert "repeated: account 1." in done.stdout

        with running_service(new) as service:
            status, _ = await sign_in(session, service, f"{leaving}@example.org", PASSWORD)
            assert status == 401
            status, token = await sign_in(session, service, f"{staying}@example.org", PASSWORD)
            assert status == 200
            # the photos are there at once, and the matches are those of the backup
            assert await mine(session, service, event, token) == before
            _, admin = await sign_in(session, service, service.admin_email, service.admin_password)

            await until(lambda: idle(session, service, admin))
            _, jobs = await call(session, "GET", f"{service.url}{JOBS}", admin)
            assert "reindex_event" in {job["kind"] for job in jobs if job["state"] == "done"}
            assert await mine(session, service, event, token) == before
            # the vectors are there again: who joins now is found on the old photos
            again = await join(session, service, event, leaving)

            async def found_again() -> bool:
                return bool(await mine(session, service, event, again))

            await until(found_again)
