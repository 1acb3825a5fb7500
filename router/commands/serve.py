"""``fusion-router serve``: run the gateway."""

import argparse
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import uvicorn

from router.commands.settings import read_settings
from router.http.files import SPARE_FILES, open_as_many_files_as_allowed
from router.record.messages import write_messages
from router.settings import LedgerSettings, Settings


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    settings = read_settings(options.config)
    if settings is None:
        return 1
    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    server = replace(settings.server, **{name: value for name, value in given.items() if value is not None})
    port = port_or_complaint(server.host, server.port, ", or server.host and server.port in the config")
    if port is None:
        return 1
    settings = replace(settings, server=replace(server, port=port))
    with ExitStack() as stack:
        if not _share_metrics(stack, server.workers):
            return 1
        announce(settings, open_as_many_files_as_allowed())
        write_messages(settings.server.log_level)
        if server.workers > 1:
            _serve_many(settings, options)
        else:
            _serve_alone(settings)
    return 0


def _share_metrics(stack: ExitStack, workers: int) -> bool:
    """Let workers share their counts in ``PROMETHEUS_MULTIPROC_DIR``, or in a directory that goes with ``stack``.

    False, with the reason printed, where nothing can be written there.
    """
    from router.record.exposition import MULTIPROC_DIR

    place = os.environ.get(MULTIPROC_DIR)
    try:
        if place is not None:
            tempfile.TemporaryFile(dir=place).close()
        elif workers > 1:
            made = tempfile.TemporaryDirectory(prefix="fusion-router-metrics-")
            os.environ[MULTIPROC_DIR] = stack.enter_context(made)
    except OSError as error:
        why = f"metrics cannot be kept in {place or 'a temporary directory'}: {error.strerror or error}"
        print(f"{why}; set {MULTIPROC_DIR} to a directory that can be written", file=sys.stderr)
        return False
    return True


def server_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn is to run an application of ours."""
    from router.http.server import KEEP_ALIVE_S, GuardedProtocol

    server = settings.server
    return {
        "host": server.host,
        "port": server.port,
        "http": GuardedProtocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": round(server.drain_s),
    }


def port_to_listen_on(host: str, port: int) -> int:
    """The port, or for 0 a free one, after a look whether it can be had: uvicorn would say so only after we have.

    Raises:
        OSError: it is taken, or not ours to take.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])


def port_or_complaint(host: str, port: int, or_else: str = "") -> int | None:
    """The same for a command: None, with the reason printed, where the address cannot be had."""
    try:
        return port_to_listen_on(host, port)
    except OSError as error:
        said = f"cannot listen on {address(host, port)}: {error.strerror or error}"
        print(f"{said}; choose another with --host and --port{or_else}", file=sys.stderr)
        return None


def address(host: str, port: int) -> str:
    """Host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def announce(settings: Settings, open_files: int | None = None) -> None:
    """Say what is served, and what is doubtful about it. Where it cannot be said, a full disk, serving goes before."""
    with suppress(OSError):
        print("\n".join(_announcement(settings, open_files)), file=sys.stderr, flush=True)


def _announcement(settings: Settings, open_files: int | None) -> Iterator[str]:
    yield from settings.notes
    for warning in settings.warnings:
        yield f"warning: {warning}"
    server, routing = settings.server, settings.routing
    if not settings.auth.keys and not is_loopback(server.host):
        yield (
            f"warning: listening on {server.host} without API keys: whoever reaches the port spends your money; "
            "set auth.keys in the config"
        )
    if open_files is not None and open_files < 2 * settings.limits.max_in_flight + SPARE_FILES:
        yield (
            f"warning: a process may open {open_files} files here, enough for {max(0, open_files - SPARE_FILES) // 2} requests at "
            "once; raise ulimit -n, or lower limits.max_in_flight"
        )
    for route, names in (("small", routing.small), ("strong", routing.strong)):
        models = ", ".join(settings.pool[name].deployment.model for name in names)
        yield f"{route:>7}: {models}"
    yield f" ledger: {_ledger(settings.ledger)}"
    yield f"fusion-router on http://{address(server.host, server.port)}/v1"


def _ledger(ledger: LedgerSettings) -> str:
    """Where requests are recorded, and whose text with them; never a URL, which may hold a password."""
    if not ledger.enabled:
        return "off"
    sqlite, _, path = ledger.url.partition("sqlite:///")
    place = path if not sqlite else "PostgreSQL"
    texts = {"none": "no text", "prompts": "prompts with it", "all": "prompts and answers with it"}
    return f"{place}, {texts[ledger.store_text]}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _serve_alone(settings: Settings) -> None:
    """Serve from this process."""
    from router.app import create_app

    uvicorn.run(create_app(settings), **server_options(settings))


def _serve_many(settings: Settings, options: argparse.Namespace) -> None:
    """Serve from several processes that share a socket."""
    from router.app import CONFIG_VARIABLE

    logging.getLogger("uvicorn").setLevel(logging.INFO)  # a worker's death and a renewal are no more than that to it
    if options.config is not None:
        os.environ[CONFIG_VARIABLE] = str(options.config.resolve())
    application = "router.app:create_app_from_environment"
    uvicorn.run(application, factory=True, workers=settings.server.workers, **server_options(settings))
