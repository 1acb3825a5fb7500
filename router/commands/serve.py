"""``fusion-router serve``: run the gateway."""

import argparse
import ipaddress
import os
import sys
import tempfile
from dataclasses import replace

import uvicorn

from router.commands.settings import read_settings
from router.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    settings = read_settings(options.config)
    if settings is None:
        return 1
    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    server = replace(settings.server, **{name: value for name, value in given.items() if value is not None})
    settings = replace(settings, server=server)
    announce(settings)
    if server.workers > 1:
        return _serve_many(settings, options)
    from router.app import create_app

    uvicorn.Server(uvicorn_config(create_app(settings), settings)).run()
    return 0


def uvicorn_config(app: object, settings: Settings, **more: object) -> uvicorn.Config:
    """How uvicorn is to run an application of ours."""
    from router.http.server import GuardedProtocol

    server = settings.server
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=server.host,
        port=server.port,
        http=GuardedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(server.drain_s),
        **more,  # type: ignore[arg-type]
    )


def announce(settings: Settings) -> None:
    """Say what is served, and what is doubtful about it."""
    for note in settings.notes:
        print(note, file=sys.stderr)
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    server, routing = settings.server, settings.routing
    if not settings.auth.keys and not is_loopback(server.host):
        print(
            f"warning: listening on {server.host} without API keys: whoever reaches the port spends your money; "
            "set auth.keys in the config",
            file=sys.stderr,
        )
    for route, names in (("small", routing.small), ("strong", routing.strong)):
        models = ", ".join(settings.pool[name].deployment.model for name in names)
        print(f"{route:>7}: {models}", file=sys.stderr)
    print(f"fusion-router on http://{server.host}:{server.port}/v1", file=sys.stderr, flush=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _serve_many(settings: Settings, options: argparse.Namespace) -> int:
    """Serve from several processes that share a socket, and a directory for their metrics."""
    from router.app import CONFIG_VARIABLE
    from router.record.exposition import MULTIPROC_DIR

    if options.config is not None:
        os.environ[CONFIG_VARIABLE] = str(options.config.resolve())
    with tempfile.TemporaryDirectory(prefix="fusion-router-metrics-") as directory:
        os.environ.setdefault(MULTIPROC_DIR, directory)
        config = uvicorn_config(
            "router.app:create_app_from_environment", settings, factory=True, workers=settings.server.workers
        )
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, target=uvicorn.Server(config).run, sockets=[config.bind_socket()]).run()
    return 0
