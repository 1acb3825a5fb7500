"""Step one of two: YAML text → values that know their line and key path. Only the syntax is judged."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from router.settings import Complaint

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where it was compiled in: ten times faster

_MAX_DEPTH = 16
_MAX_VALUES = 50_000
"""Above any real config; a few bytes of anchors can otherwise expand without end ("billion laughs")."""

_REFERENCE = re.compile(r"\$\{([^{}\s'\"]*)\}")
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Stand in for the braces of ``${NAME}`` while YAML is read: bare braces would end the value inside ``{a: ${B}}``.

Private-use characters of the same length, so that positions stay true.
"""

_FLOAT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""``1e-6`` is text to YAML 1.1; whoever writes a price means the number."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands.

    Attributes:
        path: dotted key path, e.g. ``pool.small.model``.
        line: counted from 1; of the key, for values of a mapping.
        value: None, bool, int, float or str; a dict or tuple of ``Located``.
        text: a scalar as it was written, without quotes. May be a secret.
    """

    path: str
    line: int
    value: Any = field(repr=False)
    text: str = field(default="", repr=False)


def read_yaml(text: str, file: str) -> tuple[Located | None, list[Complaint]]:
    """Read one YAML document; None where it has no values or cannot be read at all."""
    try:
        node = yaml.compose(_REFERENCE.sub(rf"${_OPEN}\1{_CLOSE}", text), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_complaint(error, file)]
    except yaml.YAMLError as error:  # characters that YAML forbids: no mark, and nothing of the text in it
        return None, [Complaint("", f"is not YAML ({type(error).__name__})", "save it as plain UTF-8 text", file)]
    if node is None:
        return None, []
    builder = _Builder(file)
    return builder.build(node, "", node.start_mark.line + 1, 0), builder.complaints


def _syntax_complaint(error: yaml.MarkedYAMLError, file: str) -> Complaint:
    mark = error.problem_mark or error.context_mark
    # The mark's snippet would quote the line, and the line may hold a key; so may the name of an alias.
    problem = re.sub(r"(alias|anchor) .*", r"\1", error.problem or "cannot be read")
    fix = "look at the indentation, colons and quotes here and in the line above"
    return Complaint("", f"is not YAML: {problem}", fix, file, mark.line + 1 if mark else None)


def _restored(text: str) -> str:
    return text.replace(_OPEN, "{").replace(_CLOSE, "}")


class _Builder:
    """Turns nodes into located values, noting what a mapping must not have."""

    def __init__(self, file: str) -> None:
        self.complaints: list[Complaint] = []
        self._file = file
        self._scalars = yaml.SafeLoader("")
        self._values = 0

    def build(self, node: yaml.Node, path: str, line: int, depth: int) -> Located:
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            self._complain(path, line, "nests too deep or refers to itself", "write the values out, without anchors")
            return Located(path, line, None)
        if isinstance(node, yaml.MappingNode):
            return Located(path, line, dict(self._items(node, path, depth)))
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return Located(
                path,
                line,
                tuple(self.build(item, f"{path}[{i}]", item.start_mark.line + 1, depth + 1) for i, item in items),
            )
        value = self._scalar(node, path, line)
        return Located(path, line, _restored(value) if isinstance(value, str) else value, _restored(str(node.value)))

    def _items(self, node: yaml.MappingNode, path: str, depth: int) -> Iterator[tuple[str, Located]]:
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _restored(str(key_node.value)) if isinstance(key_node, yaml.ScalarNode) else ""
            here = f"{path}.{key}" if path else key
            if not key or key == "<<":
                self._complain(path, line, "has a key that is not a plain name", "write the keys out one by one")
            elif key in first_line:
                self._complain(here, line, f"is given twice (first in line {first_line[key]})", "keep one of the two")
            else:
                first_line[key] = line
                yield key, self.build(value_node, here, line, depth + 1)

    def _scalar(self, node: yaml.Node, path: str, line: int) -> Any:
        if node.tag == "tag:yaml.org,2002:str":
            plain_number = isinstance(node, yaml.ScalarNode) and not node.style and _FLOAT.fullmatch(node.value)
            return float(node.value) if plain_number else node.value
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._complain(path, line, "has a tag or form that is not understood", "write a plain value")
            return None

    def _complain(self, path: str, line: int, problem: str, fix: str) -> None:
        self.complaints.append(Complaint(path, problem, fix, self._file, line))
