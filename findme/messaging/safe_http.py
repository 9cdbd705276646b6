"""Requests to addresses that others named (push services, webhooks), never to our own network.

A person who names an address must not be able to make FindMe call its own network (server-side
request forgery): https only, public addresses only, and no redirects.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from findme.errors import InvalidRequest

#: Seconds for a whole request; a slower answer counts as none.
TIMEOUT = 15.0
MAX_URL = 2048


def check_url(url: str, *, allow_private: bool, field: str) -> str:
    """Return an allowed address; InvalidRequest names *field* for any other.

    A host name is resolved only when it is called, so `open_outbound` checks its addresses then.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidRequest("This is not an address.", field=field) from error
    schemes = ("https", "http") if allow_private else ("https",)
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    if not plain or parts.scheme not in schemes or not host or parts.username is not None:
        raise InvalidRequest("An https address is expected.", field=field)
    if not allow_private and not _may_be_public(host):
        raise InvalidRequest("This address is not on the internet.", field=field)
    return url


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet: neither private, loopback nor reserved."""
    number = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(number, ipaddress.IPv6Address):
        # notations of an IPv4 address: check the address that they stand for
        inner = number.ipv4_mapped or number.sixtofour or (number.teredo or (None, None))[1]
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if number not in _UNICAST:
            return False
    return number.is_global and not number.is_multicast


#: All IPv6 addresses that are allocated on the internet. Others are site-local, or notations of
#: IPv4 addresses that gateways translate.
_UNICAST = ipaddress.IPv6Network("2000::/3")


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:  # a name
        # some resolvers read `2130706433` and `0x7f.1` as addresses; no host name ends in a number
        last = host.rstrip(".").rpartition(".")[2].lower()
        return not (last[:1].isdigit() or last in ("localhost", "local", "internal", ""))


class PublicResolver(AbstractResolver):
    """Resolves a name to its public addresses; OSError if it has none.

    The connection goes to the very address that was checked, so a name that changes its address
    between two look-ups gains nothing.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the public addresses."""
        found = await self._resolver.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        """Do nothing: the threads are the event loop's."""
        await self._resolver.close()


@asynccontextmanager
async def open_outbound(*, allow_private: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session for addresses that `check_url` allowed; call with allow_redirects=False."""
    connector = aiohttp.TCPConnector(
        resolver=None if allow_private else PublicResolver(), use_dns_cache=False
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as session:
        yield session
