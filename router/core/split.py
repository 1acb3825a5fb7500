"""Cutting the judge's text into the answer and the analysis while it streams.

Laws, held by property tests:

* Nothing of the marker or of the analysis leaves as answer, wherever the text is cut.
* What leaves is the same however the text is cut, and an answer without an analysis leaves whole.
* An answer may itself contain fences and JSON: only the marker, or an object whose first key is an analysis's, ends it.
* Such an object is the answer's own where the marker comes after it: it waits until that is known.
"""

import re

_FIRST_KEYS = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots", "dissent")
_OPENING = re.compile(r"(?:(?:```|~~~)[a-zA-Z]{0,8}[ \t]*\n?[ \t]*)?\{\s*[\"'“](?P<key>[a-z_]{0,20})(?P<quote>[\"'”]?)")
_PREFIX = re.compile(r"(?:`{1,2}|~{1,2}|(?:```|~~~)[a-zA-Z]{0,8}[ \t]*\n?[ \t]*(?:\{\s*)?|\{\s*)")
_HEADING = re.compile(r"\n[\s#*_-]*(?:analysis|json)?[\s:*_-]*\Z", re.IGNORECASE)
_MAYBE_HEADING = re.compile(
    r"\n[\s#*_-]*(?:analysis[\s:*_-]*|json[\s:*_-]*|a(?:n(?:a(?:l(?:y(?:si?)?)?)?)?)?|j(?:so?)?)?\Z", re.IGNORECASE
)
_MAY_BEGIN = "[{}`~{{]"
_MAX_WAIT_CHARS = 200
"""No beginning of an analysis that is still undecided is longer than this; blanks beyond it are an answer's."""


class AnswerSplit:
    """Feed it the judge's text; pass on what it gives back."""

    __slots__ = ("_analysis", "_begins", "_cut", "_held", "_marker", "_offset", "_said")

    def __init__(self, marker: str) -> None:
        """Take the line that ends the answer."""
        self._marker = marker
        self._begins = re.compile(_MAY_BEGIN.format(re.escape(marker[0])))
        self._held = ""
        self._cut = False
        self._said = False
        self._offset = 0
        self._analysis: list[str] = []

    def feed(self, text: str) -> str:
        """Take more of the text and give back what is certainly answer."""
        if self._cut:
            self._analysis.append(text)
            return ""
        held = self._held + text
        end, start = self._boundary(held)
        if start is not None:
            answer = _before(held[:end])
            self._cut, self._offset = True, start - len(answer)
            self._analysis.append(held[len(answer) :])
            self._held = ""
            return self._pass(answer)
        passed = held[:end]
        kept = len(passed) - len(passed.rstrip())
        # blanks, and what may be a heading of the analysis, wait: they go with it if it comes
        heading = _MAYBE_HEADING.search(passed)
        kept = max(kept, len(passed) - heading.start() if heading else 0)
        if kept > _MAX_WAIT_CHARS:
            kept = 0
        self._held = held[end - kept :]
        return self._pass(held[: end - kept])

    def close(self) -> tuple[str, str]:
        """The text is over: what is left of the answer, and the text of the analysis (empty where none came)."""
        if self._cut:
            found = "".join(self._analysis)
            held_back, marker, after = found.partition(self._marker)
            return (_before(held_back), after) if marker and "{" in after else ("", found[self._offset :])
        rest, self._held = self._held, ""
        return ("" if self._said and self._is_cut_marker(rest) else rest), ""

    def _pass(self, text: str) -> str:
        self._said = self._said or bool(text.strip())
        return text

    def _is_cut_marker(self, rest: str) -> bool:
        """The judge ran out of tokens in the middle of the marker, or of the analysis's opening."""
        tail = rest.strip()
        if len(tail) > 3 and self._marker.startswith(tail):
            return True
        opening = _OPENING.fullmatch(tail)
        return (
            opening is not None and len(opening["key"]) > 3 and any(k.startswith(opening["key"]) for k in _FIRST_KEYS)
        )

    def _boundary(self, text: str) -> tuple[int, int | None]:
        """Where the answer ends for certain or for now, and where the analysis begins if it does."""
        at = 0
        while True:
            place = self._begins.search(text, at)
            if place is None:
                return len(text), None
            at = place.start()
            found = self._marker_at(text, at) if text[at] == self._marker[0] else self._opening_at(text, at)
            if found is not None:
                return at, found if found >= 0 else None
            at += 1

    def _marker_at(self, text: str, at: int) -> int | None:
        """End of a marker here; -1 where there may be one once more has come; None where there is none."""
        if text.startswith(self._marker, at):
            return at + len(self._marker)
        return -1 if self._marker.startswith(text[at:]) else None

    def _opening_at(self, text: str, at: int) -> int | None:
        """Likewise for an object whose first key is an analysis's."""
        match = _OPENING.match(text, at)
        if match is None:
            undecided = len(text) - at <= _MAX_WAIT_CHARS and _PREFIX.fullmatch(text, at)
            return -1 if undecided else None
        if match["quote"]:
            return text.find("{", at) if match["key"] in _FIRST_KEYS else None
        if match.end() < len(text):
            return None
        return -1 if any(key.startswith(match["key"]) for key in _FIRST_KEYS) else None


def _before(text: str) -> str:
    """The answer in what stands before an analysis: without its heading and blanks."""
    return _HEADING.sub("", text).rstrip()
