"""The sections of the file that stand on their own: server, auth, limits, classifier, routing."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from router.config.fields import Section
from router.core.types import MODES
from router.settings import (
    AuthSettings,
    ClassifierSettings,
    ClientKey,
    LimitSettings,
    LogLevel,
    RoutingSettings,
    ServerSettings,
)

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
        if isinstance(limit.default, int):
            values[limit.name] = section.whole(limit.name, limit.default, 1)
        else:
            values[limit.name] = section.number(limit.name, limit.default, above=True)
    section.close()
    return LimitSettings(**values)


def read_auth(section: Section) -> AuthSettings:
    """The keys that open the gateway, as hashes."""
    node = section.node("keys")
    section.close()
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
