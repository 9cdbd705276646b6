"""Addresses that others name lead to the internet, and nowhere else."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from findme.errors import InvalidRequest
from findme.messaging.safe_http import PublicResolver, check_url, is_public


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/x",
        "https://web.push.apple.com:443/x?y=z",
        "https://93.184.216.34/hook",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    ],
)
def test_the_internet_is_open(url: str) -> None:
    assert check_url(url, allow_private=False, field="url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no address",
        "http://fcm.googleapis.com/",
        "ftp://example.org/",
        "https:///path",
        "https://user:secret@example.org/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://exämple.org/",
        "https://example.org/\n",
        "https://example.org/" + "x" * 2048,
        "https://localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:0:127.0.0.1]/",
        "https://[64:ff9b:1::7f00:1]/",
        "https://[fd00::1]/",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, allow_private=False, field="endpoint")
    assert refused.value.extra["field"] == "endpoint"


def test_the_own_network_is_open_where_that_is_wanted() -> None:
    assert check_url("http://127.0.0.1:8080/x", allow_private=True, field="url")


class Names(AbstractResolver):
    """A name server that says what it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_into_the_own_network_is_not_followed() -> None:
    """Checked where the connection is made: the name may have meant something else before."""
    resolver = PublicResolver(Names("127.0.0.1", "10.1.2.3", "::1", "fe80::1%eth0"))
    with pytest.raises(OSError, match="no public address"):
        await resolver.resolve("rebound.example.org")


async def test_of_several_addresses_the_public_ones_count() -> None:
    resolver = PublicResolver(Names("192.168.0.1", "93.184.216.34"))
    found = await resolver.resolve("both.example.org", 443)
    assert [result["host"] for result in found] == ["93.184.216.34"]
    await resolver.close()


def test_teredo_and_mapped_addresses_count_as_what_they_lead_to() -> None:
    assert is_public("::ffff:93.184.216.34")
    assert not is_public("::ffff:192.168.0.1")
    assert not is_public("2001:0:53aa:64c:0:0:80ff:fffe")
