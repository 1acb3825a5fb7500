"""``fusion-router scripted-upstream``: the scripted models as a server of their own."""

import argparse
import sys

from router.commands.listen import address, listen_or_complain
from router.dispatch.scripted.roster import BUILT_INS
from router.dispatch.scripted.server import run_scripted_upstream


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    sockets = listen_or_complain(options.host, options.port)
    if not sockets:
        return 1
    port = sockets[0].getsockname()[1]
    print(f"scripted models on http://{address(options.host, port)}/v1: {', '.join(BUILT_INS)}", file=sys.stderr)
    run_scripted_upstream(sockets)
    return 0
