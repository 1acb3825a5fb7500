"""``fusion-router explain``: how a prompt would be routed, and why, in words."""

import argparse
import sys
from pathlib import Path

import orjson

from router.commands.settings import read_settings_or_demo
from router.core.whole_json import dumps, loads
from router.errors import GatewayError


def run(options: argparse.Namespace) -> int:
    """Print the decision; exit 1 for a prompt or config that cannot be used."""
    if (options.prompt is None) == (options.file is None):
        print('Give either a prompt or --file, e.g. fusion-router explain "hi".', file=sys.stderr)
        return 1
    try:
        body = _read_body(options.prompt, options.file, options.model)
    except (OSError, ValueError, RecursionError) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    settings = read_settings_or_demo(options.config)
    if settings is None:
        return 1
    from router.app import build_services
    from router.consider import consider
    from router.explain import explanation, in_words
    from router.http.openai import read_chat

    services, _ = build_services(settings)
    try:
        found = explanation(consider(services, read_chat(body), explain=True), services)
    except GatewayError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if options.json else in_words(found))
    return 0


def _read_body(prompt: str | None, file: Path | None, model: str) -> bytes:
    if file is None:
        text = (prompt or "").encode("utf-8", "replace").decode()
        return dumps({"model": model, "messages": [{"role": "user", "content": text}]})
    content = loads(file.read_bytes())
    if isinstance(content, list):
        return dumps({"model": model, "messages": content})
    if isinstance(content, dict):
        return dumps({"model": model, **content})
    raise ValueError("must hold a list of messages, or an object with `messages`")
