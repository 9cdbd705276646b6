"""The visitor's address and scheme behind our own proxies: only their X-Forwarded-* is trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp.web import BaseRequest

Networks = Sequence[IPv4Network | IPv6Network]


def visitor(request: BaseRequest, proxies: Networks) -> str:
    """Return the visitor's address: the connection's, or the one that a proxy of ours names."""
    peer = request.remote or ""
    if not is_of(peer, proxies):
        return peer
    seen = [
        address.strip()
        for line in request.headers.getall("X-Forwarded-For", [])
        for address in line.split(",")
    ]
    # each proxy appends the address that it saw: the last one that is not ours is the visitor, and
    # anyone may have written those before it
    named = next((address for address in reversed(seen) if not is_of(address, proxies)), peer)
    return named if _is_address(named) else peer


def household(address: str) -> str:
    """Return the network of an address: of IPv6 its /64, as a visitor has 2^64 addresses."""
    if not _is_address(address):
        return address
    number = ip_address(address.partition("%")[0])
    if isinstance(number, IPv4Address):
        return str(number)
    if number.ipv4_mapped is not None:
        return str(number.ipv4_mapped)
    return str(ip_network((number, 64), strict=False))


def scheme(request: BaseRequest, proxies: Networks) -> str:
    """Return `http` or `https`: the scheme with which the visitor reached us or our proxy."""
    named = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    if named in ("http", "https") and is_of(request.remote or "", proxies):
        return named
    return request.scheme


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_of(text: str, networks: Networks) -> bool:
    """Whether *text* is an address in one of the networks."""
    return _is_address(text) and any(ip_address(text) in network for network in networks)
