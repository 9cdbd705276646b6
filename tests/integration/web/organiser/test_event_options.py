"""What an organiser decides for an event, by the API and through a guest's eyes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import App
from tests.support.helpers import change_event, make_event, member, problem
from tests.support.pictures import drawn

PATH = "/api/admin/events"
DEFAULTS = {
    "closes_at": None,
    "time_zone": None,
    "kind": "other",
    "accounts": "required",
    "browse": False,
    "publish": "at_once",
    "downloads": True,
    "download_size": "original",
    "metadata": "essential",
    "watermark": None,
    "controller": None,
    "contact": None,
    "drop_selfies": False,
    "accent": None,
    "wall": False,
    "wall_url": None,
    "cover_url": None,
}
CHOSEN: dict[str, Any] = {
    "closes_at": "2099-11-22T03:00:00.000Z",
    "time_zone": "Europe/Paris",
    "kind": "race",
    "accounts": "optional",
    "browse": True,
    "publish": "after_approval",
    "downloads": False,
    "download_size": "large",
    "metadata": "full",
    "watermark": "© Léa Martin",
    "controller": "Léa Martin SARL",
    "contact": "+33 1 23 45 67 89",
    "drop_selfies": True,
    "accent": "#7a1f5c",
}


async def test_an_event_that_decides_nothing_has_the_defaults(app: App) -> None:
    event = await make_event(app)

    assert {name: event[name] for name in DEFAULTS} == DEFAULTS


async def test_choices_are_made_with_the_event_or_later(app: App) -> None:
    made = await make_event(app, **CHOSEN)
    plain = await make_event(app, expires_at=None)

    assert {name: made[name] for name in CHOSEN} == CHOSEN
    assert {**(await change_event(app, plain, **CHOSEN))}.items() >= CHOSEN.items()
    # null and nothing take back what can be left open
    cleared = await change_event(app, made, watermark="", accent=None, closes_at=None, time_zone="")
    assert [cleared[name] for name in ("watermark", "accent", "closes_at", "time_zone")] == [
        None,
        None,
        None,
        None,
    ]


NO_CHOICES: Sequence[tuple[str, dict[str, object]]] = [
    ("accounts", {"accounts": "none"}),
    ("kind", {"kind": "funeral"}),
    ("kind", {"kind": None}),
    ("browse", {"browse": "yes"}),
    ("publish", {"publish": None}),
    ("downloads", {"downloads": 1}),
    ("download_size", {"download_size": 2000}),
    ("metadata", {"metadata": "none"}),
    ("watermark", {"watermark": "x" * 61}),
    ("watermark", {"watermark": ["©"]}),
    ("watermark", {"watermark": "漢"}),
    ("controller", {"controller": "x" * 201}),
    ("contact", {"contact": ["x"]}),
    ("drop_selfies", {"drop_selfies": "yes"}),
    ("accent", {"accent": "red"}),
    ("accent", {"accent": "#12345"}),
    ("time_zone", {"time_zone": "Mars/Olympus"}),
    ("time_zone", {"time_zone": "../../etc/passwd"}),
    ("time_zone", {"time_zone": "America"}),
    ("wall", {"wall": "yes"}),
    ("closes_at", {"closes_at": "soon"}),
    ("expires_at", {"closes_at": "2099-01-02T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}),
    ("closes_at", {"starts_at": "2099-01-02T00:00:00Z", "closes_at": "2099-01-01T00:00:00Z"}),
    ("expires_at", {"starts_at": "2099-01-02T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}),
    ("wall_token", {"wall_token": "mine"}),
    ("cover", {"cover": "x"}),
    ("nonsense", {"nonsense": 1}),
]


async def test_what_cannot_be_chosen_is_named(app: App) -> None:
    """By making an event as by changing one; nothing of it is kept."""
    event = await make_event(app)

    for field, members in NO_CHOICES:
        made = await app.client.post(PATH, json={"name": "B", **members}, headers=app.admin)
        changed = await app.client.patch(f"{PATH}/{event['id']}", json=members, headers=app.admin)

        for answer in (made, changed):
            assert await problem(answer) == (422, "invalid_request"), (field, members)
            assert (await answer.json())["field"] == field, (field, members)
        listed = await (await app.client.get(PATH, headers=app.admin)).json()
        assert listed == [event], (field, members)


async def test_the_wall_keeps_its_address_until_it_is_ended(app: App) -> None:
    event = await make_event(app, wall=True)
    assert event["wall_url"].startswith(str(app.client.make_url("/wall/")))

    again = await change_event(app, event, wall=True)
    ended = await change_event(app, event, wall=False)
    anew = await change_event(app, event, wall=True)

    assert again["wall_url"] == event["wall_url"]
    assert (ended["wall"], ended["wall_url"]) == (False, None)
    assert anew["wall_url"] not in (None, event["wall_url"])


async def test_guests_cannot_choose(app: App) -> None:
    event = await make_event(app)
    ada = await member(app.resources.pool, event)

    for headers, status in ((ada.headers, 404), ({}, 401)):
        answer = await app.client.patch(
            f"{PATH}/{event['id']}", json={"downloads": False}, headers=headers
        )
        assert answer.status == status


async def test_whoever_has_the_code_knows_what_joining_takes(app: App) -> None:
    event = await make_event(app, **CHOSEN)

    public = await (await app.client.get(f"/api/events/{event['code']}")).json()

    assert public["accounts"] == "optional"
    assert public["browse"] is True
    assert public["closes_at"] == CHOSEN["closes_at"]
    assert public["accent"] == "#7a1f5c"
    assert public["cover_url"] is None
    # not what is the organiser's own business
    assert not {"watermark", "publish", "wall_url", "id"} & public.keys()


async def test_a_closed_event_takes_no_photos(app: App) -> None:
    event = await make_event(app)
    url = f"/api/events/{event['id']}/photos?filename=a.jpg"
    headers = {**app.admin, "Content-Type": "image/jpeg"}
    soon = datetime.now(UTC) + timedelta(hours=1)
    await change_event(app, event, closes_at=soon.isoformat())
    assert (await app.client.post(url, data=drawn(1), headers=headers)).status == 202

    await change_event(app, event, closes_at="2020-01-01T00:00:00Z")

    answer = await app.client.post(url, data=drawn(2), headers=headers)
    assert await problem(answer) == (409, "event_closed")
