"""The passwords that everybody tries first are refused."""

from pathlib import Path

import pytest

from findme.accounts import auth, common_passwords
from findme.errors import CommonPassword


@pytest.mark.parametrize("password", ["password", "12345678", "PassWord1", "qwertyuiop"])
def test_a_common_password_is_refused_in_any_case(password: str) -> None:
    with pytest.raises(CommonPassword) as refused:
        auth.check_password(password)
    assert refused.value.extra["field"] == "password"


@pytest.mark.parametrize("password", ["a long password", "correct horse battery", "# The 3,000"])
def test_another_one_is_taken(password: str) -> None:
    assert auth.check_password(password) == password


def test_the_three_thousand_that_are_long_enough_are_known() -> None:
    lines = Path(common_passwords.__file__).with_suffix(".txt").read_text("utf-8").splitlines()
    known = [line for line in lines if not line.startswith("# ")]
    assert len(known) >= 3000
    assert len(set(known)) == len(known)
    assert all(len(word) >= auth.MIN_PASSWORD and word == word.casefold() for word in known)
