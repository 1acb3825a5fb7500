"""``fusion-router scripted-upstream``: the scripted models as a server of their own."""

import argparse
import sys

from router.commands.serve import address, port_or_complaint
from router.dispatch.scripted.roster import BUILT_INS
from router.dispatch.scripted.server import run_scripted_upstream


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    port = port_or_complaint(options.host, options.port)
    if port is None:
        return 1
    print(f"scripted models on http://{address(options.host, port)}/v1: {', '.join(BUILT_INS)}", file=sys.stderr)
    run_scripted_upstream(options.host, port)
    return 0
