"""Which addresses a fetch of a web page may connect to: public ones, and what the config allows. Pure.

IPv6 is closed but for the global unicast block, IPv4 open but for what is reserved. Addresses that carry an IPv4
address (mapped, NAT64) are judged by it; tunnels that would carry packets elsewhere (6to4, Teredo) are refused.

Source: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890 and successors).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata address is in it
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's metadata and DNS address, public by its number only
            "169.254.0.0/16",  # link-local, with the metadata address of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarking
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "3fff::/20",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What the config allows beyond the public addresses."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def allow(self, host: str, address: str) -> bool:
        """Whether a fetch of this host may connect to this address of it."""
        found = literal(address)
        if found is None:
            return False
        meant = _meant(found)
        return is_public(meant) or self.allows_host(host) or any(meant in network for network in self.networks)

    def allows_host(self, host: str) -> bool:
        """Whether the config names this host, by name or by address."""
        address = literal(host)
        if address is None:
            return host.rstrip(".") in self.hosts
        return any(_meant(address) in network for network in self.networks)


def read_allowed(entries: Iterable[str]) -> AddressRules:
    """Read ``allow_private``: host names, addresses, and networks such as ``10.2.0.0/16``.

    Raises:
        ValueError: an entry is none of these; the message is the entry.
    """
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in entries:
        try:
            networks.append(ip_network(entry))
        except ValueError:
            host = entry.casefold().rstrip(".")
            if "/" in host or ":" in host or not host or ends_in_number(host):
                raise ValueError(entry) from None
            hosts.add(host)
    return AddressRules(tuple(networks), frozenset(hosts))


def is_public(address: Address) -> bool:
    """Whether everybody on the internet may be taken to reach this address."""
    address = _meant(address)
    if isinstance(address, IPv4Address):
        return not _in(address, _CLOSED_V4)
    return address.scope_id is None and address in _OPEN_V6 and not _in(address, _CLOSED_V6)


def ends_in_number(host: str) -> bool:
    """Whether a host is a number in whatever notation: ``127.1``, ``2130706433``, ``0x7f.0.0.1``, ``10.010``.

    Source: WHATWG URL, "ends in a number checker"; what is not a plain dotted quad is refused where this is true.
    """
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or (last[:2].lower() == "0x" and all(char in "0123456789abcdefABCDEF" for char in last[2:]))


def literal(host: str) -> Address | None:
    """The address that a host is written as, in its usual notation; None where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _meant(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that is only another way to write it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is None and address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
