"""The lines of a file of prompts, each an object, with where it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def json_rows(path: Path, what: str, error: type[ValueError]) -> Iterator[tuple[str, dict[str, Any]]]:
    """``file:line`` and the object of each line that is not blank, in order.

    Args:
        path: the file.
        what: what it holds, for the message.
        error: what is raised where the file is missing or a line is no object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise error(f"cannot read the {what} at {path}: {fault.strerror}") from fault
    # Not splitlines(): a prompt may hold U+2028 and the like.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as fault:
            raise error(f"{where}: not JSON ({fault.msg})") from fault
        if not isinstance(row, dict):
            raise error(f"{where}: expected an object, found {type(row).__name__}")
        yield where, row
