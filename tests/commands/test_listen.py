"""Where a gateway listens."""

import errno
import os
import socket

import pytest

from router.commands.listen import free_port, listen_on


def reach(sockets: list[socket.socket], host: str) -> bool:
    for each in sockets:
        each.listen()
    try:
        socket.create_connection((host, sockets[0].getsockname()[1]), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def has_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize(
    ("host", "by_ipv4", "by_ipv6"),
    [("::", True, True), ("", True, True), ("::1", False, True), ("127.0.0.1", True, False), ("0.0.0.0", True, False)],
)
def test_a_host_is_reached_as_its_address_says_and_every_address_by_both(
    host: str, by_ipv4: bool, by_ipv6: bool
) -> None:
    sockets = listen_on(host, 0)
    try:
        assert (reach(sockets, "127.0.0.1"), reach(sockets, "::1")) == (by_ipv4, by_ipv6)
    finally:
        for each in sockets:
            each.close()


def test_a_name_is_listened_on_by_all_its_addresses_but_those_that_are_not_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo
    addresses = ("127.0.0.1", "::1", "192.0.2.1")
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, port, **more: [real(each, port, **more)[0] for each in addresses]
    )
    sockets = listen_on("some.name", 0)
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "::1"]
    assert len({each.getsockname()[1] for each in sockets}) == 1
    for each in sockets:
        each.close()


def test_a_port_that_is_taken_is_not_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            free_port("127.0.0.1", other.getsockname()[1])
