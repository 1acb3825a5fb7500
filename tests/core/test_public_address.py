"""Which addresses may be connected to."""

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.public_address import ends_in_number, is_public, read_allowed

CLOSED = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "2001:4860:4860::8888%1",
]  # fmt: skip
OPEN = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "192.0.3.1", "2606:4700::1111",
        "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_for_everybody_is_closed(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not read_allowed(["10.99.0.0/16", "wiki.internal"]).allow("page.example", address)


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_open(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_open(address: object) -> None:
    found = ip_address(str(address))
    assert found.is_global or not is_public(found)


def test_the_config_opens_networks_addresses_and_hosts_and_nothing_beside_them() -> None:
    rules = read_allowed(["10.2.0.0/16", "fd12::/16", "127.0.0.1", "Wiki.Internal."])
    assert rules.allow("any.example", "10.2.3.4")
    assert rules.allow("any.example", "::ffff:10.2.3.4")
    assert rules.allow("any.example", "fd12::7")
    assert rules.allow("any.example", "127.0.0.1")
    assert rules.allow("wiki.internal", "192.168.0.9")
    assert not rules.allow("any.example", "10.3.0.1")
    assert not rules.allow("any.example", "127.0.0.2")
    assert not rules.allow("evil.wiki.internal", "192.168.0.9")
    assert not rules.allow("any.example", "not an address")


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "http://wiki", "", "10.2.0.1/16", "0x7f.1", "a/b"])
def test_what_is_neither_a_network_nor_a_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(entry)}$"):
        read_allowed([entry])


def test_numbers_in_disguise_are_known() -> None:
    for host in ("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "page.0x"):
        assert ends_in_number(host), host
    for host in ("page.example", "127.0.0.1.nip.io", "x9", "0xyz"):
        assert not ends_in_number(host), host
