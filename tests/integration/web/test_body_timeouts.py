"""A sender who vanishes in the middle of a body is let go of, with what arrived of it."""

import asyncio

import pytest

from findme.settings import Settings
from findme.web import request_bodies
from tests.conftest import App
from tests.support.helpers import make_event

BEGUN = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n\xff'


@pytest.mark.parametrize(
    ("call", "kind", "body"),
    [
        ("POST /api/events/{id}/photos?filename=a.jpg", "image/jpeg", b"\xff\xd8"),
        ("POST /api/events/{id}/photos", "multipart/form-data; boundary=b", BEGUN),
        ("POST /api/events/{id}/photos", "multipart/form-data; boundary=b", b"--b"),
        ("PUT /api/admin/events/{id}/cover", "image/jpeg", b"\xff\xd8"),
        ("POST /api/admin/events", "application/json", b"{"),
        ("POST /login", "application/x-www-form-urlencoded", b"email="),
    ],
)
async def test_a_silent_sender_is_let_go_of(
    app: App,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    kind: str,
    body: bytes,
) -> None:
    monkeypatch.setattr(request_bodies, "SILENCE_SECONDS", 0.1)
    event = await make_event(app)
    server = app.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = f"{call.format(id=event['id'])} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
    head += f"Authorization: {app.admin['Authorization']}\r\nContent-Type: {kind}\r\n"
    writer.write(head.encode() + b"Content-Length: 1000\r\n\r\n" + body)
    try:
        async with asyncio.timeout(30):
            answer = await reader.readline()
    finally:
        writer.close()

    assert answer.split()[1] == b"408"
    assert [*settings.findme_data_dir.glob("spool/*")] == []
