"""The command line: reads arguments, and hands over to one module of ``router.commands``."""

import argparse
import importlib
import io
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from router import __version__
from router.core.since import read_since

CONFIG_HELP = "the config file; without it, the pool is chosen from the provider keys in the environment"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give back its exit code."""
    options = build_parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without some letters shows the others
    command = importlib.import_module(f"router.commands.{options.module}")
    try:
        code: int = command.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    return code


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="fusion-router",
        description="An OpenAI-compatible gateway that sends easy prompts to a small model and hard ones to a strong one.",
    )
    parser.add_argument("--version", action="version", version=f"fusion-router {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = _command(commands, "demo", "demo", "route real prompts through a scripted pool: no keys, no network")
    demo.add_argument("--port", type=_port, default=8000, help="where the gateway listens (default 8000)")
    demo.add_argument("--exit", action="store_true", help="stop after the table instead of serving on")

    serve = _command(commands, "serve", "serve", "run the gateway")
    serve.add_argument("--config", type=Path, help=CONFIG_HELP)
    serve.add_argument("--host", help="address to listen on (default 127.0.0.1, or the config's)")
    serve.add_argument("--port", type=_port, help="port to listen on (default 8000, or the config's)")
    serve.add_argument("--workers", type=_count, help="processes (default 1, or the config's)")

    init = _command(commands, "init", "init", "write a commented router.yaml for the keys found in the environment")
    init.add_argument("--output", type=Path, default=Path("router.yaml"), help="where to write (default router.yaml)")
    init.add_argument("--force", action="store_true", help="overwrite an existing file")

    check = _command(commands, "check", "check", "validate config and artifact; calls nobody")
    check.add_argument("--config", type=Path, help=CONFIG_HELP)

    explain = _command(commands, "explain", "explain", "say how a prompt would be routed, and why; calls nobody")
    explain.add_argument("prompt", nargs="?", help="the prompt")
    explain.add_argument("--file", type=Path, help="a JSON file with messages, or with a whole request body")
    explain.add_argument("--model", default="auto", help="the model name to ask for (default auto)")
    explain.add_argument("--json", action="store_true", help="print JSON")
    explain.add_argument("--config", type=Path, help=CONFIG_HELP)

    score = _command(commands, "score", "score", "read prompts as JSON lines, write their assessments as JSON lines")
    score.add_argument("--config", type=Path, help=CONFIG_HELP)

    _add_ledger(commands)
    _add_savings(commands)
    _add_feedback(commands)

    upstream = _command(
        commands,
        "scripted-upstream",
        "scripted_upstream",
        "serve the scripted models over HTTP, as a stand-in provider",
    )
    upstream.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    upstream.add_argument("--port", type=_port, default=8001, help="port to listen on (default 8001)")
    return parser


def _add_ledger(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    ledger = _command(commands, "ledger", "ledger", "read what the gateway recorded, or delete old rows")
    actions = ledger.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")

    export = actions.add_parser("export", help="write requests with calls, feedback and stored texts to a file")
    _name_ledger(export)
    export.add_argument("--since", type=_since, default=0.0, help="an age such as 7d, a date, or Unix seconds")
    export.add_argument("--format", choices=("parquet", "jsonl"), default="jsonl", help="default jsonl")
    export.add_argument("--output", type=Path, help="the file; JSON lines go to standard output without it")

    stats = actions.add_parser("stats", help="rows, size, span, requests by route and outcome")
    _name_ledger(stats)
    stats.add_argument("--json", action="store_true", help="print JSON")

    prune = actions.add_parser("prune", help="delete old requests, with their calls, texts and feedback")
    _name_ledger(prune)
    prune.add_argument("--older-than", type=_since, metavar="AGE", help="such as 90d, or a date")
    prune.add_argument("--max-mb", type=_positive, metavar="MB", help="delete the oldest until the rest fits")


def _add_savings(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    savings = _command(commands, "savings", "savings", "add up what was spent and what baselines would have cost")
    _name_ledger(savings)
    savings.add_argument(
        "--since",
        type=_since,
        default="7d",
        help="an age, a date, a time, or Unix seconds; UTC without a zone (default 7d)",
    )
    savings.add_argument("--until", type=_since, help="of requests that started before it; as --since (default now)")
    savings.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="MODEL",
        help="one more baseline: a model of the price table, or a deployment of the config; may be repeated",
    )
    savings.add_argument(
        "--cpu-usd-per-hour", type=_positive, metavar="USD", help="price of the classifier's core (default 0.05)"
    )
    savings.add_argument("--seed", type=int, default=0, help="of the resampling behind the intervals (default 0)")
    savings.add_argument("--json", action="store_true", help="print JSON")


def _add_feedback(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    feedback = _command(commands, "feedback", "feedback", "give many verdicts on answers at once")
    feedback.add_argument(
        "--file", type=Path, required=True, help="JSON lines, or CSV with a header; - is standard input"
    )
    feedback.add_argument(
        "--url", help="a running gateway, whose metrics then count them; the key is in FUSION_ROUTER_API_KEY"
    )
    _name_ledger(feedback)


def _name_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="the gateway's config file, which names its ledger")
    parser.add_argument("--ledger", metavar="URL", help="the ledger itself: sqlite:///path, a path, or postgresql://…")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, module: str, summary: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    command.set_defaults(module=module)
    return command


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _since(text: str) -> float:
    try:
        return read_since(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes (1 to 256)")
    return int(text)
