"""The sockets that a gateway listens on: the same for one process and for several workers."""

import errno
import os
import socket
import sys

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What is said of an address of a name (``localhost`` has two) that this machine does not have."""


def listen_on(host: str, port: int) -> list[socket.socket]:
    """A bound socket for every address of a host; with port 0 they share a free one. ``::`` is for IPv4 too.

    Raises:
        OSError: there is no such address, it is taken, or not ours to take.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    has_ipv4 = any(family == socket.AF_INET for family, *_ in found)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        if bound:
            address = (address[0], bound[0].getsockname()[1], *address[2:])
        try:
            bound.append(_bound(socket.socket(family, kind, protocol), address, only_ipv6=has_ipv4))
        except OSError as error:
            if error.errno not in _NOT_HERE:
                for each in bound:
                    each.close()
                raise
            missing = error
    if not bound and missing is not None:
        raise missing
    return bound


def _bound(made: socket.socket, address: tuple[object, ...], *, only_ipv6: bool) -> socket.socket:
    try:
        if os.name == "posix":  # elsewhere it would let two programs have the port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def listen_or_complain(host: str, port: int, or_else: str = "") -> list[socket.socket]:
    """The same for a command: none, with the reason printed, where the address cannot be had."""
    try:
        return listen_on(host, port)
    except OSError as error:
        said = f"cannot listen on {address(host, port)}: {error.strerror or error}"
        print(f"{said}; choose another with --host and --port{or_else}", file=sys.stderr)
        return []


def free_port(host: str, wanted: int) -> int:
    """The port, or for 0 a free one, after a look whether it can be had.

    Raises:
        OSError: it cannot.
    """
    looked = listen_on(host, wanted)
    port = int(looked[0].getsockname()[1])
    for each in looked:
        each.close()
    return port


def address(host: str, port: int) -> str:
    """Host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
