"""The cache in front of lists and tokens."""

import asyncio
from typing import Any

import aiocache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findme.cache import PHOTOS, USERS, Cache, Hits, MemoryStore, open_cache
from findme.models import EventId
from tests.support.second_process import until

EVENT = EventId(1)


async def made() -> bytes:
    return b"made"


async def nothing() -> None:
    return None


@pytest.mark.parametrize(
    ("hits", "misses", "rate"), [(0, 0, "0.00%"), (23, 5, "82.14%"), (5, 0, "100.00%")]
)
def test_the_rate_is_written_as_operators_read_it(hits: int, misses: int, rate: str) -> None:
    assert Hits(hits, misses).rate == rate


async def test_what_is_made_once_is_found_afterwards() -> None:
    async with open_cache("memory://", 30) as cache:
        assert await cache.get(PHOTOS, "a", made) == b"made"
        assert await cache.get(PHOTOS, "a", nothing) == b"made"
        assert cache.hits[PHOTOS] == Hits(1, 1)
        assert cache.hits[USERS] == Hits(0, 0)
        assert await cache.size(PHOTOS) == 1


async def test_what_is_not_there_is_asked_for_each_time() -> None:
    async with open_cache("memory://", 30) as cache:
        assert await cache.get(PHOTOS, "a", nothing) is None
        assert await cache.get(PHOTOS, "a", made) == b"made"


async def test_a_ttl_of_zero_keeps_nothing() -> None:
    async with open_cache("memory://", 0) as cache:
        await cache.get(PHOTOS, "a", made)
        assert await cache.get(PHOTOS, "a", nothing) is None
        assert await cache.size(PHOTOS) == 0


async def test_clearing_empties_both_regions_and_says_how_much_went() -> None:
    async with open_cache("memory://", 30) as cache:
        await cache.get(PHOTOS, "a", made)
        cache.users.put("b", "kept", 30)
        assert await cache.clear() == 2
        assert await cache.clear() == 0


async def test_what_is_made_ends_by_itself() -> None:
    async with open_cache("memory://", 1) as cache:
        await cache.get(PHOTOS, "a", made)
        assert await cache.count_attempt("a", seconds=1) == 1

        async def gone() -> bool:
            return await cache.size(PHOTOS) == await cache.attempts("a") == 0

        await until(gone)
        assert await cache.get(PHOTOS, "a", nothing) is None
        assert await cache.count_attempt("a", seconds=60) == 1


KEYS = st.sampled_from("abc")
ACTS = st.one_of(
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("set"), KEYS, st.integers(1, 9), st.just(60.0)),
    st.tuples(st.just("increment"), KEYS, st.integers(-2, 2)),
    st.tuples(st.just("expire"), KEYS, st.just(60)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("clear")),
)


@given(st.lists(ACTS))
def test_the_memory_answers_as_aiocache_does(acts: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        ours, theirs = MemoryStore(), aiocache.SimpleMemoryCache()
        for name, *values in acts:
            answers = [await getattr(store, name)(*values) for store in (ours, theirs)]
            if name in ("get", "increment"):
                assert answers[0] == answers[1], acts
        for key in "abc":
            assert await ours.get(key) == await theirs.get(key)
        await ours.close()
        await theirs.clear()

    asyncio.run(play())


async def test_a_forgotten_event_has_another_version() -> None:
    async with open_cache("memory://", 30) as cache:
        before = await cache.version(EVENT)
        await cache.forget_event(EVENT)
        assert await cache.version(EVENT) != before
        assert await cache.version(EventId(2)) == before


async def test_attempts_are_counted_and_taken_back() -> None:
    cache = Cache("memory://", 30)
    assert [await cache.count_attempt("a", seconds=60) for _ in range(2)] == [1, 2]
    await cache.take_back_attempt("a")
    assert await cache.attempts("a") == 1
    await cache.take_back_attempt("a")
    await cache.take_back_attempt("a")
    assert await cache.attempts("a") == 0
    assert await cache.count_attempt("a", seconds=60) == 1
    await cache.close()
