"""``fusion-router scripted-upstream``: the scripted models as a server of their own."""

import argparse

from router.dispatch.scripted.server import run_scripted_upstream


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    run_scripted_upstream(options.host, options.port)
    return 0
