"""Reading what is meant to be JSON: never raises, and gives what can be saved.

Takes single and typographic quotes, bare keys and words, comments, missing and trailing commas, NaN and Infinity,
Python's True and None, raw newlines in strings, duplicate keys (lists are joined, otherwise the last one holds), and
an end anywhere. Linear in the text; nesting is followed to ``MAX_DEPTH``.
"""

import re
from typing import Any

MAX_DEPTH = 24
_BLANK = re.compile(r"(?:[\s,;]+|//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*)+", re.DOTALL)
_WORD = re.compile(r"[^\s,:{}\[\]\"']+")
_PLAIN = re.compile(r"[^\"\\'“”‘’]+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None, "nan": None, "undefined": None}
_CLOSING = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def read_json_object(text: str) -> dict[str, Any]:
    """The first object in a text, whatever stands around it; empty where there is none."""
    start = text.find("{")
    if start < 0:
        return {}
    value = _Reader(text, start).value(0)
    return value if isinstance(value, dict) else {}


class _Reader:
    """A recursive descent over one text; ``at`` only ever moves forward."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def value(self, depth: int) -> Any:
        self._skip()
        char = self.text[self.at : self.at + 1]
        if depth > MAX_DEPTH:
            self.at = len(self.text)
            return None
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._list(depth)
        if char and char in _CLOSING:
            return self._string()
        return self._word()

    def _skip(self) -> None:
        match = _BLANK.match(self.text, self.at)
        if match:
            self.at = match.end()

    def _ends(self, closing: str) -> bool:
        """At the closing bracket, which is passed, or at the text's end; a foreign bracket ends too, and is left."""
        self._skip()
        char = self.text[self.at : self.at + 1]
        if char == closing:
            self.at += 1
        return not char or char in "}]"

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while not self._ends("}"):
            before = self.at
            key = str(self.value(depth + 1))
            self._skip()
            if self.text[self.at : self.at + 1] in (":", "="):
                self.at += 1
                if self._stops_short():
                    break
                value = self.value(depth + 1)
                held = found.get(key)
                found[key] = held + value if isinstance(held, list) and isinstance(value, list) else value
            if self.at == before:
                self.at += 1
        return found

    def _stops_short(self) -> bool:
        """A key whose value the text's end has cut off."""
        self._skip()
        return self.at >= len(self.text)

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while not self._ends("]"):
            before = self.at
            if self.text[self.at] in ":=":
                self.at += 1
                continue
            found.append(self.value(depth + 1))
            if self.at == before:
                self.at += 1
        return found

    def _string(self) -> str:
        closing = _CLOSING[self.text[self.at]]
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.text):
            match = _PLAIN.match(self.text, self.at)
            if match:
                parts.append(match[0])
                self.at = match.end()
                continue
            char = self.text[self.at]
            self.at += 1
            if char == "\\":
                parts.append(self._escape())
            elif char == closing and self._may_close(closing):
                break
            else:
                parts.append(char)
        return "".join(parts)

    def _may_close(self, closing: str) -> bool:
        """An apostrophe inside a single-quoted text is followed by a letter, a closing quote is not."""
        following = self.text[self.at : self.at + 1]
        return closing in '"”' or not following.isalnum()

    def _escape(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char == "u":
            digits = self.text[self.at : self.at + 4]
            if re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                self.at += 4
                code = int(digits, 16)
                return chr(code) if not 0xD800 <= code <= 0xDFFF else "\ufffd"
            return "u"
        return _ESCAPES.get(char, char)

    def _word(self) -> Any:
        match = _WORD.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        word = match[0]
        if word.casefold() in _WORDS:
            return _WORDS[word.casefold()]
        if len(word) < 40 and _NUMBER.fullmatch(word):
            number = float(word)
            return int(number) if number.is_integer() and "." not in word and abs(number) < 1e15 else number
        return word
