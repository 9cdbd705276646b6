"""The pace of calls, on a clock that only moves when it is told to."""

import asyncio
import math

import pytest

from findme.recognition.rate_limiter import (
    FLOOR,
    QUIET_SECONDS,
    Bucket,
    Rates,
    calls_per_second,
    is_aws,
)


class Clock:
    """A clock that moves by sleeping, and notes when."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def bucket(limit: float, clock: Clock) -> Bucket:
    return Bucket(limit, clock=clock, sleep=clock.sleep)


async def take(bucket: Bucket, clock: Clock, count: int) -> list[float]:
    """Take tokens one after the other; return when each was given, in seconds from now."""
    begun, times = clock.now, []
    for _ in range(count):
        await bucket.take()
        times.append(round(clock.now - begun, 6))
    return times


def most_in_a_second(times: list[float]) -> int:
    return max(sum(start <= time < start + 1 for time in times) for start in times)


@pytest.mark.parametrize(
    ("operation", "region", "limit"),
    [
        ("IndexFaces", "eu-west-1", 40),
        ("SearchFaces", "us-east-1", 40),
        ("SearchFaces", "eu-central-1", 4),
        ("DetectFaces", "us-west-2", 80),
        ("CompareFaces", "eu-west-2", 20),
        ("DeleteFaces", "eu-west-1", 4),
        ("CreateCollection", "us-east-1", 4),
    ],
)
def test_aws_gets_four_fifths_of_its_quota(operation: str, region: str, limit: float) -> None:
    assert calls_per_second(operation, region, aws=True, setting=None) == limit
    assert calls_per_second(operation, region, aws=False, setting=None) == math.inf


@pytest.mark.parametrize("aws", [True, False])
def test_the_setting_replaces_the_pace_on_pictures_and_faces_alone(aws: bool) -> None:
    def pace(operation: str, setting: float) -> float:
        return calls_per_second(operation, "eu-west-1", aws=aws, setting=setting)

    assert pace("IndexFaces", 7.5) == pace("DetectFaces", 7.5) == 7.5
    assert pace("SearchFaces", 0) == math.inf
    assert pace("DeleteFaces", 7.5) == (4 if aws else math.inf)


@pytest.mark.parametrize(
    ("url", "aws"),
    [
        ("https://rekognition.eu-west-1.amazonaws.com", True),
        ("https://rekognition.cn-north-1.amazonaws.com.cn", True),
        ("https://rekognition.us-east-1.api.aws:443/", True),
        ("https://vpce-1.rekognition.us-east-1.vpce.amazonaws.com", True),
        ("http://127.0.0.1:9000", False),
        ("https://amazonaws.com.example.org", False),
        ("https://notamazonaws.com", False),
        ("http://faces/?at=.amazonaws.com", False),
    ],
)
def test_aws_is_known_by_its_host(url: str, aws: bool) -> None:
    assert is_aws(url) is aws


async def test_calls_are_spread_over_the_second(clock: Clock) -> None:
    assert await take(bucket(4, clock), clock, 5) == [0, 0.25, 0.5, 0.75, 1.0]


async def test_a_second_never_has_more_calls_than_the_quota(clock: Clock) -> None:
    paced = bucket(40, clock)
    assert await take(paced, clock, 10) == [0] * 10
    clock.now += 60

    times = await take(paced, clock, 200)

    assert 45 <= most_in_a_second(times) <= 50
    assert times[-1] == pytest.approx(190 / 40)


async def test_no_limit_never_waits(clock: Clock) -> None:
    assert await take(bucket(math.inf, clock), clock, 1000) == [0] * 1000


def test_throttling_halves_the_pace_down_to_the_floor(clock: Clock) -> None:
    paced, rates = bucket(4, clock), []
    for _ in range(5):
        paced.slow()
        rates.append(paced.rate)
        clock.now += 1
    assert rates == [2, 1, FLOOR, FLOOR, FLOOR]


def test_a_pace_below_the_floor_stays_as_it_was_set(clock: Clock) -> None:
    paced = bucket(0.2, clock)
    paced.slow()
    assert paced.rate == 0.2


def test_throttles_of_one_moment_slow_once(clock: Clock) -> None:
    paced = bucket(40, clock)
    for _ in range(10):
        paced.slow()
    assert paced.rate == 20


async def test_after_a_throttle_the_next_call_waits_its_full_time(clock: Clock) -> None:
    paced = bucket(4, clock)
    paced.slow()
    assert await take(paced, clock, 3) == [0.5, 1.0, 1.5]


def test_quiet_times_bring_the_pace_back_up_to_the_limit(clock: Clock) -> None:
    paced = bucket(40, clock)
    paced.slow()
    clock.now += QUIET_SECONDS - 1
    assert paced.rate == 20
    clock.now += 1
    assert paced.rate == pytest.approx(22)
    clock.now += QUIET_SECONDS
    assert paced.rate == pytest.approx(24.2)
    clock.now += 1e9
    assert paced.rate == 40


def test_a_throttle_begins_the_quiet_time_anew(clock: Clock) -> None:
    paced = bucket(40, clock)
    paced.slow()
    clock.now += 0.5
    paced.slow()
    clock.now += QUIET_SECONDS - 0.25
    assert paced.rate == 20


async def test_without_a_limit_the_pace_is_halved_from_what_was_going(clock: Clock) -> None:
    paced = bucket(math.inf, clock)
    for _ in range(100):
        await paced.take()
        clock.now += 0.05
    paced.slow()
    assert paced.rate == pytest.approx(10, abs=1)
    clock.now += 1e9
    assert paced.rate > 1000


async def test_calls_get_their_tokens_in_the_order_in_which_they_ask(clock: Clock) -> None:
    paced, order = bucket(4, clock), []

    async def call(number: int) -> None:
        async with paced.turn:
            await paced.take()
            order.append(number)

    await asyncio.gather(*(call(number) for number in range(20)))

    assert order == list(range(20))


def test_the_rates_are_told_by_operation() -> None:
    rates = Rates("eu-west-1", aws=True, setting=0)
    assert rates.now() == {}
    assert rates.of("IndexFaces") is rates.of("IndexFaces")
    rates.of("DeleteFaces")
    assert rates.now() == {"IndexFaces": None, "DeleteFaces": 4}
