"""The judgement of a selfie, from what the engine answered."""

from dataclasses import replace

import pytest

from findme.accounts.selfies import SECOND_FACE_SHARE, JudgedSelfie, judge
from findme.errors import SelfieRefused
from findme.models import Box, EngineFaceId
from findme.recognition.types import IndexedFace, IndexResult, UnindexedFace


def face(side: float = 0.5) -> IndexedFace:
    return IndexedFace(EngineFaceId("a"), Box(0.1, 0.1, side, side), 99.0, 60.0, 80.0)


def left_out(*reasons: str, side: float = 0.5) -> UnindexedFace:
    return UnindexedFace(Box(0.1, 0.1, side, side), 99.0, reasons)


def refusal(result: IndexResult) -> SelfieRefused:
    with pytest.raises(SelfieRefused) as caught:
        judge(result)
    return caught.value


def test_the_one_face_is_taken() -> None:
    assert judge(IndexResult([face()], [])) == JudgedSelfie(face(), [])


def test_no_face_is_said() -> None:
    assert refusal(IndexResult([], [])).code == "no_face"


def test_a_second_face_at_the_camera_is_refused() -> None:
    second = left_out("EXCEEDS_MAX_FACES", side=0.45)
    assert refusal(IndexResult([face()], [second])).code == "several_faces"


def test_a_small_face_in_the_background_is_left_aside() -> None:
    side = 0.5 * (SECOND_FACE_SHARE * 0.9) ** 0.5
    result = IndexResult([face()], [left_out("EXCEEDS_MAX_FACES", side=side)])
    assert judge(result).face == face()


def test_a_second_face_that_is_unusable_is_left_aside() -> None:
    assert judge(IndexResult([face()], [left_out("LOW_SHARPNESS")])).face == face()


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"brightness": 5.0}, ["dark"]),
        ({"sharpness": 20.0}, ["blurred"]),
        ({"box": Box(0.4, 0.4, 0.06, 0.08)}, ["too_small"]),
        ({"yaw": -55.0}, ["turned_away"]),
        ({"pitch": 50.0}, ["turned_away"]),
        ({"brightness": 5.0, "sharpness": 20.0}, ["dark", "blurred"]),
        ({"brightness": None, "sharpness": None}, []),
    ],
)
def test_a_poor_selfie_is_accepted_with_advice(
    change: dict[str, object], advice: list[str]
) -> None:
    poor = replace(face(), **change)  # type: ignore[arg-type]  # members of several types
    assert judge(IndexResult([poor], [])) == JudgedSelfie(poor, advice)


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        ("LOW_BRIGHTNESS", "dark"),
        ("LOW_SHARPNESS", "blurred"),
        ("SMALL_BOUNDING_BOX", "too_small"),
        ("EXTREME_POSE", "turned_away"),
    ],
)
def test_what_is_wrong_with_a_picture_is_said(reason: str, problem: str) -> None:
    error = refusal(IndexResult([], [left_out(reason)]))
    assert error.code == "poor_quality"
    assert error.extra == {"problems": [problem]}
    assert str(error)


def test_the_largest_face_is_the_one_that_is_judged() -> None:
    error = refusal(
        IndexResult([], [left_out("LOW_SHARPNESS", side=0.1), left_out("EXTREME_POSE", side=0.6)])
    )
    assert error.extra == {"problems": ["turned_away"]}


def test_a_refusal_names_a_problem_even_if_the_engine_names_none_of_ours() -> None:
    error = refusal(IndexResult([], [left_out("LOW_FACE_QUALITY")]))
    assert (error.code, error.extra) == ("poor_quality", {"problems": ["blurred"]})
    assert str(error) == "The picture is blurred."
