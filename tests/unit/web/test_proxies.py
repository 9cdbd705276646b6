"""Whom a proxy speaks for."""

from ipaddress import ip_network
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request

from findme.errors import StartError
from findme.settings import Settings
from findme.web import proxies

OURS = (ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16"))


def asked(peer: str, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = Mock()
    transport.get_extra_info = {"peername": (peer, 1)}.get
    return make_mocked_request("GET", "/", headers=named, transport=transport)


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        # nobody may speak for others but a proxy of ours
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        # what the visitor wrote stands before what our proxies saw
        ("127.0.0.1", "1.1.1.1, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "10.1.2.3", "127.0.0.1"),
        ("127.0.0.1", None, "127.0.0.1"),
    ],
)
def test_the_visitor_is_the_last_address_that_no_proxy_of_ours_has(
    peer: str, header: str | None, expected: str
) -> None:
    request = asked(peer, **({} if header is None else {"X_Forwarded_For": header}))

    assert proxies.visitor(request, OURS) == expected


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_who_has_a_network_to_choose_from_counts_once(address: str, counts_as: str) -> None:
    assert proxies.household(address) == counts_as


def test_the_scheme_is_believed_from_our_proxies_alone() -> None:
    assert proxies.scheme(asked("127.0.0.1", X_Forwarded_Proto="https"), OURS) == "https"
    assert proxies.scheme(asked("127.0.0.1", X_Forwarded_Proto="gopher"), OURS) == "http"
    assert proxies.scheme(asked("203.0.113.9", X_Forwarded_Proto="https"), OURS) == "http"
    assert proxies.scheme(asked("127.0.0.1", X_Forwarded_Proto="https"), ()) == "http"


def test_a_list_of_networks_is_read_and_nonsense_refused() -> None:
    found = Settings.from_env({"TRUSTED_PROXIES": "127.0.0.1, fd00::/8"})

    assert found.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    with pytest.raises(StartError, match="TRUSTED_PROXIES"):
        Settings.from_env({"TRUSTED_PROXIES": "my-proxy"})
