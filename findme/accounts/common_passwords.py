"""The most common passwords, which anybody who guesses tries first.

`common_passwords.txt` says where they come from, and under which licences.
"""

import functools
from pathlib import Path

_FILE = Path(__file__).with_name("common_passwords.txt")


def is_common(password: str) -> bool:
    """Whether a password is one of the most common ones, in any case of its letters."""
    return password.casefold() in _read()


@functools.cache
def _read() -> frozenset[str]:
    # 45 KB, once
    lines = _FILE.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
