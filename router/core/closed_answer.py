"""Closed answers: a number, an option, a yes or no, a label; found in a text and brought to one form.

Two answers are the same when their forms are: ``(B)`` and ``option b``, ``1,234.50 km`` and ``1234.5 kilometres``,
``\\boxed{\\frac{3}{4}}`` and ``0.75``. What is none of the four is left as a label: its words, lower-cased.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import orjson

from router.core.quantity import read_quantity

AnswerKind = Literal["number", "option", "truth", "label"]

MAX_ANSWER_CHARS = 160
"""A longer text is not a closed answer."""

ANNOUNCED_CHARS = 4_000
"""Of a text's end, in which its answer is announced."""

MAX_JSON_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class ClosedAnswer:
    """An answer in its one form.

    Attributes:
        value: ``3/4``, ``B``, ``yes``, or the label's words.
        unit: of a number, in its base: ``m``, ``%``, ``usd``; empty where none was given.
        said: a number as it was given, before its unit was brought to the base; not part of the form.
    """

    kind: AnswerKind
    value: str
    unit: str = ""
    said: str = field(default="", compare=False)


_ANNOUNCED = re.compile(
    r"(?:(?:final|correct|right)\s+)?(?:answer|solution|option|choice)\s+(?:is|are|would be|=|:)[\s:]*(?P<en>[^\n]{1,200})"
    r"|(?:^|\n)\W{0,4}(?:final\s+)?(?:answer|antwort|réponse|respuesta|risposta|resposta|ответ)\W{0,4}[:：][\s*_`]{0,4}"
    r"(?:(?<=\n)[-•]\s+)?(?P<head>[^\n]{1,200})"
    r"|(?:antwort|lösung) (?:ist|lautet)[\s:]*(?P<de>[^\n]{1,200})"
    r"|(?:réponse|solution) (?:est|correcte est)[\s:]*(?P<fr>[^\n]{1,200})"
    r"|respuesta (?:correcta )?es[\s:]*(?P<es>[^\n]{1,200})"
    r"|risposta (?:corretta )?è[\s:]*(?P<it>[^\n]{1,200})"
    r"|resposta (?:correta )?é[\s:]*(?P<pt>[^\n]{1,200})"
    r"|(?:答案|正确答案|正解|答え)(?:是|为|為|は)?[\s:：]*(?P<zh>[^\n。]{1,200})"
    r"|правильный ответ[\s:]*(?:[—–-]\s+)?(?P<ru>[^\n]{1,200})",
    re.IGNORECASE,
)
_ANNOUNCING = (
    *("answer", "solution", "option", "choice", "antwort", "lösung", "réponse", "respuesta", "risposta", "resposta"),
    *("答案", "正解", "答え", "ответ"),
)
"""One of these is in every announcement."""

_OPTION_WORDS = r"(?:option|choice|answer|letter|alternative|statement|选项|選項|选|選|opción|opzione|opção|вариант)"
_OPTION = re.compile(
    rf"(?:the\s+|la\s+|le\s+|die\s+)?(?:(?P<word>{_OPTION_WORDS})\s*[:#]?\s*)?"
    r"(?P<open>[(\[{（]\s*)?(?P<letter>[A-Za-z])(?P<close>\s*[)\]}）])?"
    r"(?P<text>\s*[.:)、．—–-]\s*\S.*)?[\s.!。]*",
    re.IGNORECASE | re.DOTALL,
)
_LAST_OPTION = "J"
"""Ten options at the most. Source: MMLU-Pro, the widest of the public multiple-choice sets."""

_YES = (
    "yes true correct yep yeah ja wahr richtig oui vrai sí si verdadero sì vero sim verdadeiro да верно 是 是的 对 正确 "
    "はい 예 네 evet tak نعم हाँ हां"
)
_NO = "no false incorrect nope nein falsch non faux falso não нет неверно 否 不是 不 错 错误 いいえ 아니요 아니오 hayır nie لا नहीं"
_TRUTHS: Mapping[str, str] = MappingProxyType(
    {**dict.fromkeys(_YES.split(), "yes"), **dict.fromkeys(_NO.split(), "no")}
)
_FRACTIONS = {"½": " 1/2", "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4", "⅕": " 1/5", "⅛": " 1/8"}
_MARKUP = str.maketrans({"*": " ", "`": " ", "_": " ", "“": '"', "”": '"', "‘": "'", **_FRACTIONS})
_MORE_OPTIONS = re.compile(
    r"\W*(?:(?:and|or|und|oder|et|ou|y|o|e|и)\b|[&/+,])\W*[A-J]\b\W*(?:$|\W*[,&/+]|\s+(?:and|or)\b)", re.I
)
_SENTENCE_END = re.compile(r"[.!?;。]\s*")


def find_closed_answer(text: str) -> ClosedAnswer | None:
    """Find the closed answer that a text gives; None where it gives none.

    Looked for in this order: the last ``\\boxed{…}``, the only value of a JSON object, the last announcement ("the
    answer is …", in several languages), and the whole text or its last line where that is short.
    """
    boxed = _last_boxed(text)
    if boxed is not None:
        return read_closed_answer(boxed)
    stripped = text.strip()
    value = _only_json_value(stripped)
    if value is not None:
        return read_closed_answer(value)
    end = stripped[-ANNOUNCED_CHARS:]
    # the pattern takes a hundred times as long as looking for its words
    announced = list(_ANNOUNCED.finditer(end)) if any(word in end.casefold() for word in _ANNOUNCING) else []
    if announced:
        return _announced(announced[-1])
    last = stripped.rpartition("\n")[2].strip()
    if len(stripped) <= MAX_ANSWER_CHARS and "\n" not in stripped:
        return read_closed_answer(stripped)
    short = read_closed_answer(last) if len(last) <= 40 else None
    return short if short is not None and short.kind != "label" else None


def read_closed_answer(text: str) -> ClosedAnswer | None:
    """Bring an answer to its one form; None where nothing is left of it, or it is too long to be one."""
    cleaned = _unwrapped(text)
    if not cleaned or len(cleaned) > MAX_ANSWER_CHARS:
        return None
    return _truth(cleaned) or _option(cleaned) or _number(cleaned) or _label(cleaned)


def _announced(match: re.Match[str]) -> ClosedAnswer | None:
    """What is announced, or what it is corrected to in the same line."""
    found = next(group for group in match.groups() if group is not None)
    answer = read_closed_answer(_first_sentence(found))
    end = _SENTENCE_END.search(found)
    later = None if end is None else _ANNOUNCED.search(found, end.end())
    correction = None if later is None else _announced(later)
    # "The answer is B. The solution is basic." corrects nothing
    return correction if correction is not None and (answer is None or correction.kind == answer.kind) else answer


def _unwrapped(text: str) -> str:
    """Take off LaTeX, markdown and quotes."""
    if "\\" in text or "$" in text:
        text = re.sub(r"\\(?:d|t)?frac\s*\{([^{}]{1,80})\}\s*\{([^{}]{1,80})\}", r" \1/\2 ", text)
        text = re.sub(r"\\(?:text|mathrm|mathbf|textbf|boxed|operatorname)\s*\{([^{}]{0,80})\}", r" \1 ", text)
        text = text.replace("\\times", "×").replace("\\cdot", "·").replace("\\%", "%").replace("\\$", "$")
        text = re.sub(r"\\(?:left|right|,|;|!|quad|\(|\)|\[|\])", " ", text)
        if text.count("$") % 2 == 0:
            text = text.replace("$", " ")
    text = text.translate(_MARKUP).strip()
    text = re.sub(r"^(?:is|are|equals?|was)\s+", "", text, flags=re.IGNORECASE)
    text = text.strip(" \t\n\"'。,;")
    return text.rstrip(".") if re.match(r"\.\d", text) else text.strip(" \t\n\"'。.,;")


def _truth(text: str) -> ClosedAnswer | None:
    first = re.split(r"[\s,.;:!。，、—–-]", text, maxsplit=1)[0].casefold()
    value = _TRUTHS.get(text.casefold())
    if value is None and len(text) > len(first) and text[len(first)] in ",.;:!。，、":
        value = _TRUTHS.get(first)
    return ClosedAnswer("truth", value) if value is not None else None


def _option(text: str) -> ClosedAnswer | None:
    match = _OPTION.fullmatch(text)
    if match is None:
        return None
    letter, said = match["letter"], bool(match["word"] or match["close"] or match["text"])
    if match["text"] and match["text"].lstrip()[0] in "—–-" and not match["text"].startswith(" "):
        return None
    if match["text"] and _MORE_OPTIONS.match(match["text"]):
        return None
    if letter.upper() > _LAST_OPTION or not (said or letter.isupper()):
        return None
    return ClosedAnswer("option", letter.upper())


def _number(text: str) -> ClosedAnswer | None:
    found = read_quantity(text)
    return None if found is None else ClosedAnswer("number", str(found.value), found.unit, str(found.said))


def _label(text: str) -> ClosedAnswer | None:
    words = " ".join(re.findall(r"[^\W_]+|[+\-*/=<>^{}\[\]()]", text.casefold()))
    return ClosedAnswer("label", words) if words else None


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return re.split(
        r"(?<=[^\s.]{2})\.(?:\s|$)|(?<=[\w)])[。;]|\.\s*$| because | since |, (?:since|because|as|so) ", text
    )[0]


def _last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed")
    if start < 0:
        return None
    opening = text.find("{", start)
    if opening < 0 or opening - start > 8:
        return None
    depth = 0
    for index in range(opening, min(len(text), opening + MAX_ANSWER_CHARS * 2)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[opening + 1 : index]
    return None


def _only_json_value(text: str) -> str | None:
    """The value of a JSON object with one scalar, of one under a telling key, or of a JSON string."""
    if text[:1] not in ("{", '"', "`") or len(text) > MAX_JSON_CHARS:
        return None
    body = re.sub(r"^```(?:json)?\s*|\s*```$", "", text)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, dict):
        scalars = [entry for entry in value.values() if isinstance(entry, str | int | float | bool)]
        telling = [value[key] for key in ("answer", "result", "label", "choice", "value", "category") if key in value]
        found = telling[0] if telling else scalars[0] if len(value) == len(scalars) == 1 else None
    else:
        found = value
    if isinstance(found, bool):
        return "yes" if found else "no"
    return str(found) if isinstance(found, str | int | float) else None
