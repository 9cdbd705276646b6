"""What requests say, read strictly: ids, limits, times; and lists, packed and answered."""

import gzip
from datetime import UTC, datetime

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from msgspec import Struct

from findme.errors import InvalidRequest, NotFound
from findme.web.responses import (
    MAX_ID,
    list_answer,
    pack_list,
    page_of,
    parse_id,
    parse_time,
    text_of,
    time_text,
)


def asked(path: str, **headers: str) -> web.Request:
    return make_mocked_request("GET", path, headers=headers)


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.0", "²", "٣", " 1", str(MAX_ID + 1), "9" * 5000]
)
def test_what_cannot_be_an_id_is_not_there(text: str) -> None:
    with pytest.raises(NotFound):
        parse_id(text)


def test_ids_go_as_far_as_the_database_does() -> None:
    assert [parse_id("7"), parse_id(str(MAX_ID))] == [7, MAX_ID]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "", "-1", "1.5", "²", "9" * 5000])
def test_a_limit_is_from_1_to_1000(limit: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        page_of(asked(f"/list?limit={limit}"))
    assert caught.value.extra == {"field": "limit"}


def test_a_page_has_100_items_where_nothing_else_is_asked() -> None:
    assert page_of(asked("/list")) == (None, 100)
    assert page_of(asked("/list?limit=1000&before=5")) == (5, 1000)


def test_times_are_in_utc() -> None:
    moment = parse_time({"at": "2026-11-21T20:00:00+02:00"}, "at")
    assert time_text(moment) == "2026-11-21T18:00:00.000Z"
    assert parse_time({"at": "2026-11-21T20:00:00"}, "at") == datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert parse_time({"at": "2026-11-21T20:00:00Z"}, "at") == datetime(
        2026, 11, 21, 20, tzinfo=UTC
    )
    assert parse_time({}, "at") is None
    assert time_text(None) is None


@pytest.mark.parametrize(
    "value", ["soon", 5, True, "2026-13-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_what_is_no_time_is_said(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_time({"at": value}, "at")
    assert caught.value.extra == {"field": "at"}


@pytest.mark.parametrize("value", [None, 5, ["a"], "nul\x00"])
def test_what_is_no_text_is_said(value: object) -> None:
    with pytest.raises(InvalidRequest):
        text_of({"name": value}, "name")


class Item(Struct):
    """What a list is made of."""

    id: str


def test_a_list_says_how_much_there_is_and_where_it_goes_on() -> None:
    packed = pack_list([Item("1")], 3, 7)
    answer = list_answer(asked("/api/all-photos?event=5&limit=1"), packed)
    assert answer.headers["X-Total-Count"] == "3"
    assert answer.headers["Link"] == '</api/all-photos?event=5&limit=1&before=7>; rel="next"'
    assert orjson.loads(answer.body) == [{"id": "1"}]  # type: ignore[arg-type]  # bytes here


def test_the_last_page_names_no_next_one() -> None:
    assert "Link" not in list_answer(asked("/list"), pack_list([], 0, None)).headers


def test_a_list_is_compressed_for_those_who_read_that() -> None:
    answer = list_answer(asked("/list", **{"Accept-Encoding": "gzip, br"}), pack_list([], 0, None))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert isinstance(answer.body, bytes)
    assert gzip.decompress(answer.body) == b"[]"
