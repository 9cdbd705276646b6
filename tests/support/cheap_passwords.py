"""Passwords that are hashed fast in the test process: the product's hash takes 30 ms of CPU.

Services in processes of their own hash as at a customer's.
"""

import argon2

from findme.accounts import auth

#: What the product hashes with, and what it verifies against if there is no account.
PRODUCT_HASHER = auth.HASHER
PRODUCT_NOBODY_HASH = auth.NOBODY_HASH
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def use_cheap_passwords() -> None:
    """Hash with the least cost that argon2id has, from now on."""
    auth.HASHER = CHEAP
    auth.NOBODY_HASH = CHEAP.hash("nobody")
