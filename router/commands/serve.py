"""``fusion-router serve``: run the gateway."""

import argparse
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from router.commands.listen import address, listen_or_complain
from router.commands.settings import read_settings
from router.commands.supervisor import Supervisor
from router.commands.worker import serve_alone
from router.config.check import exposure_warning
from router.config.load import load_settings
from router.http.files import SPARE_FILES, open_as_many_files_as_allowed
from router.record.messages import write_messages
from router.record.shared import MULTIPROC_DIR
from router.settings import Complaint, LedgerSettings, Settings, SettingsError

log = logging.getLogger("router")


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    settings = read_settings(options.config)
    if settings is None:
        return 1
    settings = with_options(settings, options)
    server = settings.server
    sockets = listen_or_complain(server.host, server.port, ", or server.host and server.port in the config")
    if not sockets:
        return 1
    if server.port == 0:
        options.port = sockets[0].getsockname()[1]
        settings = with_options(settings, options)
    with ExitStack() as stack:
        if not _share_metrics(stack, server.workers):
            return 1
        announce(settings, open_as_many_files_as_allowed())
        write_messages(settings.server.log_level)
        if server.workers > 1:
            return 0 if _serve_many(settings, sockets, options) else 1
        serve_alone(settings, sockets, server_options(settings))
    return 0


def with_options(settings: Settings, options: argparse.Namespace) -> Settings:
    """Settings with what the command line says instead of the config."""
    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    said = {name: value for name, value in given.items() if value is not None}
    return replace(settings, server=replace(settings.server, **said))


def _share_metrics(stack: ExitStack, workers: int) -> bool:
    """Let workers share their counts in ``PROMETHEUS_MULTIPROC_DIR``, or in a directory that goes with ``stack``.

    False, with the reason printed, where nothing can be written there.
    """
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
    from router.http.connection_limits import KEEP_ALIVE_S
    from router.http.server import GuardedProtocol

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


def announce(settings: Settings, open_files: int | None = None) -> None:
    """Say what is served, and what is doubtful about it. Where it cannot be said, a full disk, serving goes before."""
    with suppress(OSError):
        print("\n".join(_announcement(settings, open_files)), file=sys.stderr, flush=True)


def _announcement(settings: Settings, open_files: int | None) -> Iterator[str]:
    yield from settings.notes
    for warning in _warnings(settings):
        yield f"warning: {warning}"
    server, routing = settings.server, settings.routing
    if open_files is not None and open_files < 2 * settings.limits.max_in_flight + SPARE_FILES:
        yield (
            f"warning: a process may open {open_files} files here, enough for {max(0, open_files - SPARE_FILES) // 2} requests at "
            "once; raise ulimit -n, or lower limits.max_in_flight"
        )
    for route, names in (("small", routing.small), ("strong", routing.strong)):
        models = ", ".join(settings.pool[name].deployment.model for name in names)
        yield f"{route:>7}: {models}"
    for way in settings.proxies:
        yield f"  proxy: {way}"
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


def _warnings(settings: Settings) -> tuple[Complaint, ...]:
    exposed = exposure_warning(settings)
    return settings.warnings if exposed is None else (*settings.warnings, exposed)


def _serve_many(settings: Settings, sockets: list[socket.socket], options: argparse.Namespace) -> bool:
    """Serve from several processes that share the sockets; False where they could not be started."""
    from prometheus_client import REGISTRY

    from router.record.metrics import renewals

    counted = renewals(REGISTRY)

    def reread() -> Settings | None:
        try:
            return _renewed(settings, options)
        except SettingsError as error:
            log.error("the config cannot be used: %s", error)
            return None

    return Supervisor(settings, sockets, server_options, reread, lambda outcome: counted.labels(outcome).inc()).run()


def _renewed(before: Settings, options: argparse.Namespace) -> Settings:
    """The settings as they are now, as far as they can change while the port stays."""
    now = with_options(load_settings(options.config, os.environ), options)
    for name in ("host", "port"):
        old, new = getattr(before.server, name), getattr(now.server, name)
        if old != new:
            log.warning("server.%s stays %s until a restart", name, old)
    for warning in _warnings(now):
        log.warning("%s", warning)
    write_messages(now.server.log_level)
    return now
