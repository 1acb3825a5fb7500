"""A script: how a scripted model behaves. Read from its name, ``scripted/NAME?option=value&…``."""

import dataclasses
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

PREFIX = "scripted/"

FAILURES = (
    *("400", "401", "402", "403", "404", "408", "422", "429", "500", "502", "503", "504", "529"),
    *("content_filter", "context_length", "empty", "malformed", "content_type", "hang", "reset"),
)
"""What ``fail`` may be: a status, or a way of going wrong."""


class UnknownScript(ValueError):
    """No built-in of that name."""


@dataclass(frozen=True, slots=True)
class Script:
    """How a scripted model behaves. Each field is an option of the model name; ``OPTIONS`` says what it does."""

    seed: int = 0
    reply: str = ""
    answer: str = ""
    words: int = 0
    echo: bool = False
    judge: bool = False
    tool_calls: int = 0
    research: bool = False
    reasoning_tokens: int = 0
    cached: float = 0.0
    usage: bool = True
    context_window: int = 0
    latency_ms: float = 0.0
    latency_tail: float = 1.0
    jitter: float = 0.0
    tokens_per_second: float = 0.0
    think_ms: float = 0.0
    keep_alive_ms: int = 0
    fail: str = ""
    fail_rate: float = 1.0
    fail_times: int = 0
    retry_after: float = 0.0
    truncate_after: int = -1
    error_after: int = -1
    stall_after: int = -1

    def misbehaves(self) -> bool:
        """Whether calls go wrong at all; ``fail_rate`` and ``fail_times`` then say which."""
        return bool(self.fail) or max(self.truncate_after, self.error_after, self.stall_after) >= 0


@dataclass(frozen=True, slots=True)
class Option:
    """What an option does, and the values it takes (both ends included)."""

    does: str
    low: float = 0.0
    high: float = 1e9


OPTIONS: dict[str, Option] = {
    "seed": Option("seeds the choice of texts, latencies and failures"),
    "reply": Option("answer exactly this text"),
    "answer": Option("answer a closed question: a sentence that ends in this value"),
    "words": Option("make the text this many words long", high=100_000),
    "echo": Option("answer with the newest message's text (1 or 0)"),
    "judge": Option("append an analysis as JSON after the answer (1 or 0)"),
    "tool_calls": Option("call this many of the offered tools at once", high=128),
    "research": Option("call web_search, web_fetch the first address found, then answer with what it says (1 or 0)"),
    "reasoning_tokens": Option("think this many tokens aloud first", high=100_000),
    "cached": Option("share of the prompt's tokens reported as cached", high=1),
    "usage": Option("report usage (1 or 0)"),
    "context_window": Option("refuse prompts with more tokens than this; 0 is no limit"),
    "latency_ms": Option("milliseconds before the first byte: the median", high=3_600_000),
    "latency_tail": Option("p99 over median of the latency (lognormal); 1 is constant", low=1, high=1000),
    "jitter": Option("latency and speed vary by this share, both ways", high=1),
    "tokens_per_second": Option("speed after the first byte; 0 is at once"),
    "think_ms": Option("milliseconds of silent thought between a stream's first chunk and the next", high=3_600_000),
    "keep_alive_ms": Option("send a comment each so many milliseconds of it; 0 is none", high=3_600_000),
    "fail": Option("go wrong: " + ", ".join(FAILURES)),
    "fail_rate": Option("share of calls that go wrong (alone: with a 500)", high=1),
    "fail_times": Option("only the first N calls go wrong (alone: with a 500)"),
    "retry_after": Option("seconds in the Retry-After header of a failure"),
    "truncate_after": Option("drop the connection after N chunks", low=-1),
    "error_after": Option("send an error event after N chunks, and end without [DONE]", low=-1),
    "stall_after": Option("send nothing more after N chunks", low=-1),
}


def split_model(model: str) -> tuple[str, str]:
    """Split a scripted model's name into the built-in's name and its options."""
    name, _, options = model.removeprefix(PREFIX).partition("?")
    return name, options


@lru_cache(maxsize=1024)
def with_options(base: Script, options: str) -> Script:
    """Apply the options of a model name to a built-in's script.

    Raises:
        ValueError: an unknown option (named with the nearest known one), or a value it cannot take.
    """
    try:
        given = parse_qsl(options, keep_blank_values=True, strict_parsing=True) if options else []
    except ValueError:
        raise ValueError(f"options of a scripted model are name=value&name=value, not {options!r}") from None
    values: dict[str, Any] = {name: _value(name, text) for name, text in given}
    script = dataclasses.replace(base, **values)
    if {"fail_rate", "fail_times"} & values.keys() and not script.misbehaves():
        script = dataclasses.replace(script, fail="500")
    if (
        "fail_rate" not in values
        and {"fail", "fail_times", "truncate_after", "error_after", "stall_after"} & values.keys()
    ):
        script = dataclasses.replace(script, fail_rate=1.0)
    return script


def _value(name: str, text: str) -> object:
    if name not in OPTIONS:
        raise ValueError(f"scripted option {name!r} is unknown; {nearest(name, OPTIONS)}")
    if name == "fail":
        if text not in FAILURES:
            raise ValueError(f"scripted option fail={text!r} is unknown; {nearest(text, FAILURES)}")
        return text
    default = getattr(Script(), name)  # its type is the option's
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text not in ("0", "1"):
            raise ValueError(f"scripted option {name} is 1 or 0, not {text!r}")
        return text == "1"
    option = OPTIONS[name]
    kind = int if isinstance(default, int) else float
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"scripted option {name} is a number, not {text!r}") from None
    if not option.low <= number <= option.high:
        raise ValueError(f"scripted option {name} lies in [{option.low:g}, {option.high:g}], not {text!r}")
    return number


def nearest(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word, or all of them."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {close[0]!r}?" if close else "known are " + ", ".join(words)
