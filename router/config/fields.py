"""Step two of two: located values → checked ones. A wrong value is noted, its default stands in."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from router.config.source import Located
from router.settings import Complaint

T = TypeVar("T")

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_BARE_REFERENCE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Notebook:
    """Where complaints and warnings are written down, and what secrets are looked up in."""

    def __init__(self, file: str | None, env: Mapping[str, str], *, calls: bool = True) -> None:
        """Begin with nothing to complain about.

        Args:
            file: named in every entry.
            env: environment variables.
            calls: somebody will be called, so that secrets for calls are needed.
        """
        self.file = file
        self.env = env
        self._calls = calls
        self.complaints: list[Complaint] = []
        self.warnings: list[Complaint] = []

    def complain(self, key: str, problem: str, fix: str, line: int | None = None) -> None:
        """Note something that must be changed before the gateway can start."""
        self.complaints.append(Complaint(key, problem, fix, self.file, line))

    def miss(self, key: str, problem: str, fix: str, line: int | None = None) -> None:
        """Note a secret that the environment does not have; nobody misses one for calls that will not be made."""
        if self._calls or key.startswith("ledger."):
            self.complain(key, problem, fix, line)

    def warn(self, key: str, problem: str, fix: str, line: int | None = None) -> None:
        """Note something allowed but doubtful."""
        self.warnings.append(Complaint(key, problem, fix, self.file, line))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like a mistyped one, if any is like it."""
    by_folded = {candidate.casefold().replace("-", "_"): candidate for candidate in known}
    matches = get_close_matches(name.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


class Section:
    """One mapping of the file, read key by key. ``close`` complains of the keys that nobody asked for."""

    def __init__(self, node: Located | None, book: Notebook, path: str, line: int | None = None) -> None:
        """Read from ``node``; a missing or empty one is a section full of defaults."""
        self.book = book
        self.path = path if node is None else node.path
        self.line = line if node is None else node.line
        self._asked: set[str] = set()
        self._nodes: dict[str, Located] = {}
        if node is not None and isinstance(node.value, dict):
            self._nodes = node.value
        elif node is not None and node.value is not None:
            book.complain(self.path, f"is {_kind(node)}", "write a mapping: key: value, one per line", node.line)

    def key(self, name: str) -> str:
        """The full path of a key in this section."""
        return f"{self.path}.{name}" if self.path else name

    def node(self, name: str) -> Located | None:
        """The located value as it stands, None where the key is missing or empty."""
        self._asked.add(name)
        node = self._nodes.get(name)
        return None if node is None or node.value is None else node

    def is_null(self, name: str) -> bool:
        """Whether the key is there and says nothing, which for some limits means "no limit"."""
        self._asked.add(name)
        return name in self._nodes and self._nodes[name].value is None

    def line_of(self, name: str) -> int | None:
        """Where the key is, or else where its section is."""
        node = self._nodes.get(name)
        return self.line if node is None else node.line

    def complain(self, name: str, problem: str, fix: str) -> None:
        """Note a complaint about a key of this section."""
        self.book.complain(self.key(name), problem, fix, self.line_of(name))

    def warn(self, name: str, problem: str, fix: str) -> None:
        """Note a warning about a key of this section."""
        self.book.warn(self.key(name), problem, fix, self.line_of(name))

    def section(self, name: str) -> "Section":
        """A mapping inside this one."""
        return Section(self.node(name), self.book, self.key(name), self.line_of(name))

    def names(self) -> tuple[str, ...]:
        """All keys, for sections whose keys are the operator's own names."""
        return tuple(self._nodes)

    def text(self, name: str, default: T, expected: str = "text") -> str | T:
        """A line of text, never a secret."""
        node = self.node(name)
        if node is None:
            return default
        value = self.text_of(node, expected)
        return default if value is None else value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        return tuple(value for _, value in self.located_texts(name))

    def located_texts(self, name: str) -> list[tuple[Located, str]]:
        """A list of texts, each with where it stands."""
        node = self.node(name)
        if node is None:
            return []
        items = node.value if isinstance(node.value, tuple) else (node,)
        found = [(item, self.text_of(item, "a list of names")) for item in items]
        return [(item, value) for item, value in found if value is not None]

    def choice(self, name: str, options: tuple[str, ...], default: Any) -> Any:
        """One of a closed set of words."""
        value = self.text(name, None, " or ".join(options))
        if value is None:
            return default
        if value not in options:
            self.complain(name, f"is {value!r}", f"write one of {', '.join(options)}{_hint(value, options)}")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        node = self.node(name)
        if node is None:
            return default
        if not isinstance(node.value, bool):
            self.complain(name, f"is {_kind(node)}", "write true or false")
            return default
        return node.value

    def number(self, name: str, default: T, least: float = 0, most: float = math.inf, above: bool = False) -> Any:
        """A finite number within bounds; ``above`` excludes the lower one."""
        node = self.node(name)
        if node is None:
            return default
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.complain(name, f"is {_kind(node)}", "write a number, without quotes or unit")
            return default
        if not math.isfinite(value) or value < least or value > most or (above and value == least):
            self.complain(name, f"is {value}", f"write a number {_bounds(least, most, above)}")
            return default
        return value

    def whole(self, name: str, default: T, least: int = 0, most: float = math.inf) -> int | T:
        """A whole number within bounds."""
        value = self.number(name, None, least, most)
        if value is None:
            return default
        if value != int(value):
            self.complain(name, f"is {value}", "write a whole number")
            return default
        return int(value)

    def secret(self, name: str) -> str | None:
        """Text in which ``${NAME}`` stands for an environment variable; its value is never repeated.

        White space at the ends goes: secrets that are mounted as files end in a line break.
        """
        node = self.node(name)
        if node is None:
            return None
        if isinstance(node.value, dict | tuple):
            self.complain(name, f"is {_kind(node)}", "write text, or ${NAME} for an environment variable")
            return None
        return self._interpolated(node)

    def secrets(self, name: str) -> dict[str, str]:
        """A mapping whose values are secrets."""
        section = self.section(name)
        found = ((key, section.secret(key)) for key in section.names())
        return {key: value for key, value in found if value is not None}

    def close(self) -> None:
        """Complain of every key that is not known here."""
        for name in self._nodes:
            if name not in self._asked:
                fix = f"known here are {', '.join(sorted(self._asked))}"
                close_name = nearest(name, self._asked)
                self.complain(name, "is not a known key", f"did you mean {close_name}?" if close_name else fix)

    def text_of(self, node: Located, expected: str) -> str | None:
        """The text that a located value is; anything else, and references to the environment, are complained of."""
        if isinstance(node.value, dict | tuple) or node.value is None:
            self.book.complain(node.path, f"is {_kind(node)}", f"write {expected}", node.line)
            return None
        if "${" in node.text:
            fix = "write the value itself; only api_key, headers and ledger.url may refer to the environment"
            self.book.complain(node.path, "refers to an environment variable", fix, node.line)
            return None
        if not node.text.strip():
            self.book.complain(node.path, "is empty", f"write {expected}", node.line)
            return None
        return node.text

    def _interpolated(self, node: Located) -> str | None:
        if _BARE_REFERENCE.fullmatch(node.text):
            fix = "write ${NAME} where an environment variable is meant"
            self.book.warn(node.path, "begins with $ and is taken as it is written", fix, node.line)
        missing = []
        for name in _REFERENCE.findall(node.text):
            if not _VARIABLE_NAME.fullmatch(name):
                self.book.complain(node.path, "has a malformed ${…}", "write ${NAME}: letters, digits, _", node.line)
                return None
            if not self.book.env.get(name, "").strip():
                missing.append(name)
        if "${" in _REFERENCE.sub("", node.text):
            self.book.complain(node.path, "has a ${ that is never closed", "write ${NAME}", node.line)
            return None
        for name in missing:
            problem = f"refers to {name}, which is not set in the environment"
            self.book.miss(node.path, problem, f"export {name}=… before starting, or remove the key", node.line)
        if missing:
            return None
        secret = _REFERENCE.sub(lambda match: self.book.env[match[1]].strip(), node.text).strip()
        if any(char in secret for char in "\r\n\0"):
            self.book.complain(node.path, "has several lines", "write one line, or look where it is kept", node.line)
        return secret


def sections(section: Section) -> Iterator[tuple[str, Section]]:
    """The mappings inside a section whose keys are the operator's own names."""
    for name in section.names():
        yield name, section.section(name)


def _kind(node: Located) -> str:
    """What a value is, in words, without saying it."""
    if isinstance(node.value, str) and "${" in node.text:
        return "a reference to an environment variable, which only secrets may be"
    names = {dict: "a mapping", tuple: "a list", bool: "true or false", str: "text", type(None): "empty"}
    return names.get(type(node.value), "a number")


def _hint(value: str, options: Iterable[str]) -> str:
    close_name = nearest(value, options)
    return f" (did you mean {close_name}?)" if close_name else ""


def _bounds(least: float, most: float, above: bool) -> str:
    low = f"{'above' if above else 'of at least'} {least:g}"
    return low if most == math.inf else f"{low} and at most {most:g}"
