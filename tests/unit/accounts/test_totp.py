"""Codes of authenticator apps, by the test vectors of RFC 6238, appendix B."""

import pytest

from findme.accounts import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        # its codes have eight digits, of which ours are the last six
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(moment: int, code: str) -> None:
    assert totp.code_at(SECRET, moment // 30) == code


def test_a_code_passes_for_a_step_before_its_time_and_a_step_after() -> None:
    code = totp.code_at(SECRET, 1000)

    steps = {step: totp.find_step(SECRET, code, step * 30 + 15) for step in range(998, 1003)}

    assert steps == {998: None, 999: 1000, 1000: 1000, 1001: 1000, 1002: None}
    assert totp.find_step(SECRET, "", 30_000) is None


def test_apps_are_given_the_secret_as_they_read_it() -> None:
    assert totp.text_of(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    assert totp.address_of(SECRET, "a+b@example.org") == (
        "otpauth://totp/FindMe:a%2Bb%40example.org"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=FindMe"
    )
