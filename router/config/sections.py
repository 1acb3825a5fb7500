"""The sections of the file that stand on their own: server, auth, limits, classifier, routing."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from math import inf
from pathlib import Path
from typing import Any, get_args

from router.config.fields import Section
from router.core.types import MODES
from router.dispatch.provider import Timeouts
from router.errors import LONGEST_WAIT_S
from router.settings import (
    AuthSettings,
    ClassifierSettings,
    ClientKey,
    LimitSettings,
    LogLevel,
    RoutingSettings,
    ServerSettings,
)

LEAST_TIME_S = 0.01
"""A time-out below this leaves no time even for a provider on the same machine."""

_BOUNDS: Mapping[str, tuple[float, float]] = {
    "max_header_bytes": (1024, inf),  # OpenAI's client sends 560
    "cooldown_s": (LEAST_TIME_S, LONGEST_WAIT_S),
    "kept_responses_mb": (0, 65_536),
}

_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_server(section: Section) -> ServerSettings:
    """Where the gateway listens."""
    default = ServerSettings()
    server = ServerSettings(
        host=section.text("host", default.host, "an address such as 127.0.0.1"),
        port=section.whole("port", default.port, 1, 65535),
        workers=section.whole("workers", default.workers, 1, 256),
        drain_s=section.number("drain_s", default.drain_s),
        access_log=section.flag("access_log", default.access_log),
        log_level=section.choice("log_level", get_args(LogLevel), default.log_level),
    )
    section.close()
    return server


def read_limits(section: Section) -> LimitSettings:
    """Every limit is a positive number; whole where its default is."""
    values: dict[str, Any] = {}
    for limit in fields(LimitSettings):
        is_whole = isinstance(limit.default, int)
        read: Callable[..., Any] = section.whole if is_whole else section.number
        least, most = _BOUNDS.get(limit.name, (1 if is_whole else LEAST_TIME_S, inf))
        values[limit.name] = read(limit.name, limit.default, least, most)
    section.close()
    limits = LimitSettings(**values)
    warn_of_void_timeouts(section, limits)
    return limits


def warn_of_void_timeouts(section: Section, limits: LimitSettings | Timeouts) -> None:
    """Warn of time-outs that the file gives and that never pass, since the whole is over before."""
    for name in ("connect_s", "first_byte_s", "idle_s"):
        if section.node(name) is not None and getattr(limits, name) > limits.total_s:
            problem = f"is more than total_s, which is {limits.total_s:g}, so it never passes"
            section.warn(name, problem, "write less, or a greater total_s")


def read_auth(section: Section) -> AuthSettings:
    """The keys that open the gateway, as hashes."""
    node = section.node("keys")
    section.close()
    if section.is_null("keys") or (node is not None and node.value == ()):
        fix = "add - {name: …, sha256: …}, or remove auth, and anybody may call"
        section.complain("keys", "is empty, so nobody would need a key", fix)
    if node is None:
        return AuthSettings()
    if not isinstance(node.value, tuple):
        section.complain("keys", "is not a list", "write - {name: …, sha256: …} for each key")
        return AuthSettings()
    keys = [_client_key(Section(item, section.book, item.path)) for item in node.value]
    known: dict[str, ClientKey] = {}
    for key, item in zip(keys, node.value, strict=True):
        if key is None:
            continue
        if key.name in known or any(other.sha256 == key.sha256 for other in known.values()):
            section.book.complain(item.path, "repeats a name or a hash", "give each key its own", item.line)
        known[key.name] = key
    return AuthSettings(tuple(known.values()))


def _client_key(section: Section) -> ClientKey | None:
    name = section.text("name", None, "who holds the key")
    node = section.node("sha256")
    section.close()
    digest = node.text.strip().lower() if node is not None else ""
    if name is None and section.node("name") is None:
        section.complain("name", "is missing", "say who holds the key; the record will show it")
    if not _SHA256.fullmatch(digest):
        problem = "is missing" if node is None else "is not a SHA-256 in hex (64 digits)"
        section.complain("sha256", problem, 'hash the key: printf %s "$KEY" | sha256sum')
        return None
    return None if name is None else ClientKey(name, digest)


def read_classifier(section: Section, folder: Path) -> ClassifierSettings:
    """Which artifact judges; a relative path counts from the config file."""
    path = section.text("path", None, "the directory of an artifact")
    section.close()
    return ClassifierSettings(None if path is None else folder / path)


def read_routing(section: Section) -> RoutingSettings:
    """The routes as written; whether the names exist is for the cross-checks."""
    aliases = section.section("aliases")
    targets = {name: aliases.text(name, "", "auto, fusion, small, strong or a deployment") for name in aliases.names()}
    strong = section.texts("strong")
    routing = RoutingSettings(
        small=section.texts("small"),
        strong=strong,
        baseline=section.text("baseline", strong[0] if strong else "", "a deployment"),
        mode=section.choice("mode", MODES, "balanced"),
        aliases=targets,
    )
    section.close()
    return routing
