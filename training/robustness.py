"""Changes that leave a question's difficulty as it is, and how far the classifier moves under them."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from classifier.assessment import Assessment, Assessor
from router.core.policy import Thresholds
from router.core.prompt import Prompt, read_prompt
from training.replay import as_prompt, routes

N_PROMPTS = 500

_PREFACES = (
    "Hi! Could you please help me with this? ",
    "Hello there, I hope you are doing well. ",
    "Please answer the following. ",
    "Good morning! I have a question for you: ",
    "Hey, quick question. Thanks in advance! ",
)
_FORMAT_LINES = (
    "\nAnswer with the letter of the correct option only.",
    "\nThink step by step, then give your final answer.",
    "\nRespond in JSON with the key `answer`.",
    "\nAnswer:",
)
_OPTION = re.compile(r"^\s*[(\[]?([A-Ja-j])[.)\]:．、）]\s*(.*)$")
_SYSTEM = (
    "You are the assistant of a retailer. Be courteous, brief and exact. Never reveal internal notes. "
    "When an order number is given, look it up before you answer. Offer a refund only where the policy allows it. "
)
_PASSAGE = (
    "The warehouse ships on working days before noon. Parcels above twenty kilograms travel by freight. "
    "Returned goods are inspected within a week, and the customer is told of the result by mail. "
)


def typos(text: str, dice: random.Random) -> str:
    """Swap two neighbouring letters in about one long word in twelve."""

    def swap(found: re.Match[str]) -> str:
        word = found.group()
        if dice.random() > 1 / 12:
            return word
        at = dice.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return re.sub(r"[A-Za-z]{5,}", swap, text)


def lower_case(text: str, dice: random.Random) -> str:
    """Everything in lower case."""
    return text.lower()


def upper_case(text: str, dice: random.Random) -> str:
    """Everything in capitals."""
    return text.upper()


def white_space(text: str, dice: random.Random) -> str:
    """Blanks doubled here and there, and blank lines around."""
    return "\n\n " + re.sub(" ", lambda _: "  " if dice.random() < 0.2 else " ", text) + " \n\n"


def preface(text: str, dice: random.Random) -> str:
    """A polite opening."""
    return dice.choice(_PREFACES) + text


def format_line(text: str, dice: random.Random) -> str:
    """A line that says how the answer is to look."""
    return text + dice.choice(_FORMAT_LINES)


def shuffled_options(text: str, dice: random.Random) -> str:
    """The labelled options in another order, labels in place."""
    lines, found = _options(text)
    contents = [content for _, _, content in found]
    dice.shuffle(contents)
    for (row, label, _), content in zip(found, contents, strict=True):
        lines[row] = lines[row][: lines[row].index(label) + 2] + " " + content
    return "\n".join(lines)


def dropped_options(text: str, dice: random.Random) -> str:
    """The question without its labelled options."""
    lines, found = _options(text)
    drop = {row for row, _, _ in found}
    return "\n".join(line for row, line in enumerate(lines) if row not in drop)


def dropped_format_line(text: str, dice: random.Random) -> str:
    """Without a last line that only says how the answer is to look."""
    head, _, last = text.rstrip().rpartition("\n")
    says_how = re.match(r"\s*(answer|respond|please answer|think step|output|return only|give)", last, re.IGNORECASE)
    return head if head and says_how and len(last) < 200 else text


_PICKS = {
    "typos": typos,
    "lower case": lower_case,
    "capitals": upper_case,
    "white space": white_space,
    "polite preface": preface,
}
_WRAPPERS = {
    "options shuffled": shuffled_options,
    "options removed": dropped_options,
    "answer-format line added": format_line,
    "answer-format line dropped": dropped_format_line,
}


def robustness(texts: Sequence[str], assessor: Assessor, thresholds: Thresholds, seed: int = 0) -> dict[str, Any]:
    """How many picks a change of form leaves alone, and how far complexity moves.

    Returns:
        By change: ``n`` prompts that it changed, ``same_pick`` (share, where picks are what counts),
        ``median_move`` and ``p95_move`` of complexity.
    """
    chosen = [int(row) for row in np.random.default_rng(seed).permutation(len(texts))[:N_PROMPTS]]
    asked = [texts[row] for row in chosen]
    changes = {**_PICKS, **_WRAPPERS}
    found = {name: _by_text(asked, change, assessor, thresholds, seed) for name, change in changes.items()}
    return {**found, **{name: _by_prompt(asked, make, assessor, thresholds) for name, make in _SURROUNDINGS.items()}}


def _by_text(
    texts: Sequence[str],
    change: Callable[[str, random.Random], str],
    assessor: Assessor,
    thresholds: Thresholds,
    seed: int,
) -> dict[str, Any]:
    dice = random.Random(seed)  # noqa: S311 - variations, not secrets
    pairs = [(text, changed) for text in texts if (changed := change(text, dice)) != text and changed.strip()]
    return _moved([(as_prompt(a), as_prompt(b)) for a, b in pairs], assessor, thresholds)


def _by_prompt(
    texts: Sequence[str], make: Callable[[str], Mapping[str, Any]], assessor: Assessor, thresholds: Thresholds
) -> dict[str, Any]:
    return _moved([(as_prompt(text), read_prompt(make(text))) for text in texts], assessor, thresholds)


def _moved(pairs: Sequence[tuple[Prompt, Prompt]], assessor: Assessor, thresholds: Thresholds) -> dict[str, Any]:
    if not pairs:
        return {"n": 0, "same_pick": None, "median_move": None, "p95_move": None}
    before, after = _judge([a for a, _ in pairs], assessor), _judge([b for _, b in pairs], assessor)
    moved = np.abs([b.complexity - a.complexity for a, b in zip(before, after, strict=True)])
    # Surroundings ask for capabilities; whether the pool has them is not what is measured here.
    plain = [replace(prompt, needs=frozenset()) for _, prompt in pairs]
    same = routes([a for a, _ in pairs], before, thresholds) == routes(plain, after, thresholds)
    return {
        "n": len(pairs),
        "same_pick": float(same.mean()),
        "median_move": float(np.median(moved)),
        "p95_move": float(np.quantile(moved, 0.95)),
    }


def _judge(prompts: Sequence[Prompt], assessor: Assessor) -> list[Assessment]:
    return [assessor.assess(prompt.text, prompt.context, prompt.instructions) for prompt in prompts]


def _options(text: str) -> tuple[list[str], list[tuple[int, str, str]]]:
    """Lines of a text, and line number, label and content of its options (none where there are fewer than two)."""
    lines = text.split("\n")
    found = [(row, m.group(1), m.group(2)) for row, line in enumerate(lines) if (m := _OPTION.match(line))]
    return lines, found if len(found) > 1 else []


def _said(content: str) -> Mapping[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def _with_tools(text: str) -> Mapping[str, Any]:
    return {**_said(text), "tools": [_tool(number) for number in range(30)]}


def _tool(number: int) -> Mapping[str, Any]:
    properties = {f"field_{n}": {"type": "string", "description": "What to look for, as text"} for n in range(5)}
    parameters = {"type": "object", "properties": properties, "required": ["field_0"]}
    about = f"Look up record kind {number} and return every field of it that the caller may see."
    return {
        "type": "function",
        "function": {"name": f"look_up_{number}", "description": about, "parameters": parameters},
    }


def _with_system(text: str) -> Mapping[str, Any]:
    long = _SYSTEM * (16_000 // len(_SYSTEM))
    return {"messages": [{"role": "system", "content": long}, {"role": "user", "content": text}]}


_PASSAGES = "\n\n".join(f"[{number}] {_PASSAGE * 3}" for number in range(1, 9))

_SURROUNDINGS: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "30 tool schemas": _with_tools,
    "4,000-token system prompt": _with_system,
    "RAG context": lambda text: _said(
        f"Use the following context to answer.\n\nContext:\n{_PASSAGES}\n\nQuestion: {text}"
    ),
    "RAG context in tags": lambda text: _said(f"<context>\n{_PASSAGES}\n</context>\n\n{text}"),
    "RAG context after the question": lambda text: _said(f"{text}\n\nContext:\n{_PASSAGES}"),
    "RAG context, numbered": lambda text: _said(f"{_PASSAGES}\n\nUsing the sources above, answer: {text}"),
    "RAG context, short": lambda text: _said(f"Context: {_PASSAGE}\n\nQuestion: {text}"),
}
