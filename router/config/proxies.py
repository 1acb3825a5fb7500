"""Which proxy each deployment is called through: the environment's variables, read as the usual clients read them."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from router.dispatch.address import authority
from router.dispatch.provider import Proxy, Target
from router.settings import Complaint, Settings, SettingsError

_WITH_PORT = re.compile(r"(\[.*\]|[^:]*):(\d+)")


def with_proxies(settings: Settings, env: Mapping[str, str]) -> Settings:
    """The settings with every direct deployment's proxy, and in words who is called through which.

    Raises:
        SettingsError: a variable that is needed does not name a proxy that can be used.
    """
    if not any(_variable(env, scheme)[1] for scheme in ("http", "https")):
        return settings
    pool, through, wrong = dict(settings.pool), dict[str, list[str]](), dict[str, Complaint]()
    for name, target in settings.pool.items():
        if target.provider == "scripted":
            continue
        variable, proxy = "", None
        if target.direct:
            variable, value = _needed(target, env)
            proxy = _read(value) if variable else None
        if variable and proxy is None:
            problem = "is not the URL of an HTTP proxy, which is what calls to the pool go through"
            fix = "write e.g. http://proxy.example:3128, user and password percent-encoded before an @; or list hosts in NO_PROXY"
            wrong[variable] = Complaint(variable, problem, fix)
        if proxy is not None:
            pool[name] = replace(target, proxy=proxy)
        way = f"through {authority(proxy.host, proxy.port)} ({variable})" if proxy is not None else "directly"
        through.setdefault(way if target.direct else "as litellm reads these variables", []).append(name)
    if wrong:
        raise SettingsError(tuple(wrong.values()))
    return replace(settings, pool=pool, proxies=tuple(f"{', '.join(names)} {way}" for way, names in through.items()))


def _needed(target: Target, env: Mapping[str, str]) -> tuple[str, str]:
    """The variable that a target's calls heed, and its value; two empty ones where they go without a proxy."""
    url = _split(target.api_base or "")
    if url is None or not url.hostname:
        return "", ""
    variable, value = _variable(env, url.scheme)
    port = url.port or (443 if url.scheme == "https" else 80)
    if not value or is_left_out(url.hostname, port, _first(env, "no_proxy")[1]):
        return "", ""
    return variable, value


def is_left_out(host: str, port: int, no_proxy: str) -> bool:
    """Whether a host is reached without a proxy: this machine always, others as ``NO_PROXY`` lists them.

    An entry is ``*``, a host with all below it, an address or a network, each also with a port.
    """
    host = host.rstrip(".").lower()
    address = None
    try:
        address = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return True
    if address is not None and (address.is_loopback or address.is_unspecified):
        return True
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        with_port = _WITH_PORT.fullmatch(entry)
        if with_port is not None and int(with_port[2]) != port:
            continue
        name = (with_port[1] if with_port is not None else entry).removeprefix("*.").strip(".[]")
        if entry == "*" or (name and (host == name or (address is None and host.endswith(f".{name}")))):
            return True
        if address is not None:
            try:
                if address in ip_network(name, strict=False):
                    return True
            except ValueError:  # a name
                continue
    return False


def _variable(env: Mapping[str, str], scheme: str) -> tuple[str, str]:
    """The variable that names the proxy of a scheme, and its value."""
    own = _first(env, f"{scheme}_proxy")
    return own if own[1] else _first(env, "all_proxy")


def _first(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable in lower case where there is one, though it be empty, else in upper case. Source: Python's urllib."""
    name = name if name in env else name.upper()
    return name, env.get(name, "").strip()


def _read(value: str) -> Proxy | None:
    """The proxy that a variable names; None where it names none that we can use."""
    url = _split(value if "://" in value else f"http://{value}")
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        return None
    tls = url.scheme == "https"
    login = None
    if url.username is not None:
        user = f"{unquote(url.username)}:{unquote(url.password or '')}"
        login = f"Basic {b64encode(user.encode()).decode()}"
    try:
        host = url.hostname.encode("idna").decode()
    except UnicodeError:
        return None
    return Proxy(host, url.port or (443 if tls else 80), tls, login)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return url if url.port != 0 else None  # reading the port checks it
    except ValueError:
        return None
