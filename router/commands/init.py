"""``fusion-router init``: write a commented config for the keys found in the environment."""

import argparse
import os
import sys

from router.config.template import render_config


def run(options: argparse.Namespace) -> int:
    """Write the file; an existing one is overwritten only with ``--force``."""
    try:
        with options.output.open("w" if options.force else "x", encoding="utf-8") as file:
            file.write(render_config(os.environ))
    except FileExistsError:
        print(f"{options.output} exists; --force overwrites it, --output names another file.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.output} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"Wrote {options.output}. Next: fusion-router check --config {options.output}")
    return 0
