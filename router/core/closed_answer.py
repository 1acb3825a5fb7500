"""Closed answers: a number, an option, a yes or no, a label; found in a text and brought to one form.

Two answers are the same when their forms are: ``(B)`` and ``option b``, ``1,234.50 km`` and ``1234.5 kilometres``,
``\\boxed{\\frac{3}{4}}`` and ``0.75``. What is none of the four is left as a label: its words, lower-cased.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

import orjson

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
    r"|(?:^|\n)\W{0,4}(?:final\s+)?(?:answer|antwort|réponse|respuesta|risposta|resposta|ответ)\W{0,4}[:：]\W{0,3}"
    r"(?P<head>[^\n]{1,200})"
    r"|(?:antwort|lösung) (?:ist|lautet)[\s:]*(?P<de>[^\n]{1,200})"
    r"|(?:réponse|solution) (?:est|correcte est)[\s:]*(?P<fr>[^\n]{1,200})"
    r"|respuesta (?:correcta )?es[\s:]*(?P<es>[^\n]{1,200})"
    r"|risposta (?:corretta )?è[\s:]*(?P<it>[^\n]{1,200})"
    r"|resposta (?:correta )?é[\s:]*(?P<pt>[^\n]{1,200})"
    r"|(?:答案|正确答案|正解|答え)(?:是|为|為|は)?[\s:：]*(?P<zh>[^\n。]{1,200})"
    r"|правильный ответ[\s:—–-]*(?P<ru>[^\n]{1,200})",
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
_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORD_NUMBERS: Mapping[str, int] = MappingProxyType({word: value for value, word in enumerate(_TO_TWENTY.split())})

_UNITS: Mapping[str, tuple[str, Fraction]] = MappingProxyType(
    {
        spelling: (base, Fraction(factor))
        for base, factor, spellings in (
            ("m", "1", "m meter meters metre metres"),
            ("m", "1000", "km kilometer kilometers kilometre kilometres"),
            ("m", "1/100", "cm centimeter centimeters centimetre centimetres"),
            ("m", "1/1000", "mm millimeter millimeters millimetre millimetres"),
            ("kg", "1", "kg kilogram kilograms"),
            ("kg", "1/1000", "g gram grams"),
            ("kg", "1/1000000", "mg milligram milligrams"),
            ("s", "1", "s sec second seconds"),
            ("s", "60", "min minute minutes"),
            ("s", "3600", "h hr hour hours"),
            ("s", "86400", "day days"),
            ("l", "1", "l liter liters litre litres"),
            ("l", "1/1000", "ml milliliter milliliters millilitre millilitres"),
            ("%", "1", "% percent pct"),
            ("usd", "1", "$ usd dollar dollars"),
            ("usd", "1/100", "cent cents"),
            ("eur", "1", "€ eur euro euros"),
            ("gbp", "1", "£ gbp pound pounds"),
            ("deg", "1", "° degree degrees"),
            ("m/s", "1", "m/s"),
            ("m/s", "5/18", "km/h kph"),
        )
        for spelling in spellings.split()
    }
)
"""Units that answers are given in, with their base and what one of them is in it (SI, and the customary ones)."""

_PLAIN = r"(?:\d{1,3}(?:[,.'’   ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[.,]\d+)"
_NUMBER = re.compile(
    rf"(?:(?:≈|~|=|about|approximately|approx\.?|roughly|exactly|ungefähr|environ|[a-z]\s*=)\s*)?"
    rf"(?P<front>[$€£]\s*)?(?P<sign>[-−–+]\s*)?(?P<front2>[$€£]\s*)?"
    rf"(?:(?P<whole>\d+)\s+(?P<mixed>\d+\s*/\s*\d+)|(?P<top>{_PLAIN})\s*/\s*(?P<bottom>{_PLAIN})|(?P<plain>{_PLAIN}))"
    r"(?:\s*(?:[x×*·]\s*10\s*(?:\^|\*\*)\s*\{?|e)(?P<power>[-−+]?\d{1,3})\}?)?"
    r"\s*(?P<unit>[^\d\s.,;:!?()]{1,14}(?:\s?[a-z/]{1,6})?)?",
    re.IGNORECASE,
)
_MARKUP = str.maketrans({"*": " ", "`": " ", "_": " ", "“": '"', "”": '"', "‘": "'"})
_GROUPS = re.compile(r"[,.'’   ]")


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
        found = next(group for group in announced[-1].groups() if group is not None)
        return read_closed_answer(_first_sentence(found))
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
    return text.strip(" \t\n\"'。.,;").strip()


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
    if letter.upper() > _LAST_OPTION or not (said or letter.isupper()):
        return None
    return ClosedAnswer("option", letter.upper())


def _number(text: str) -> ClosedAnswer | None:
    if text.casefold() in _WORD_NUMBERS:
        return ClosedAnswer("number", str(_WORD_NUMBERS[text.casefold()]))
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    unit = (match["front"] or match["front2"] or match["unit"] or "").strip().casefold()
    base, factor = _UNITS.get(unit, (unit, Fraction(1)))
    value = _magnitude(match)
    if value is None:
        return None
    if match["sign"] and match["sign"].strip() != "+":
        value = -value
    return ClosedAnswer("number", str(value * factor), base, str(value))


def _magnitude(match: re.Match[str]) -> Fraction | None:
    try:
        if match["mixed"]:
            value = Fraction(match["whole"]) + Fraction(match["mixed"].replace(" ", ""))
        elif match["top"]:
            value = _plain(match["top"]) / _plain(match["bottom"])
        else:
            value = _plain(match["plain"])
    except (ZeroDivisionError, ValueError):
        return None
    return value * Fraction(10) ** int((match["power"] or "0").replace("−", "-"))


def _plain(digits: str) -> Fraction:
    """``1,234.5``, ``1.234,5``, ``1 234``, ``1,5``; a single comma before three digits separates thousands."""
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        decimal = "." if digits.rfind(".") > digits.rfind(",") else ","
    elif commas == 1 and not re.fullmatch(r"[1-9]\d{0,2},\d{3}", digits):
        decimal = ","
    elif dots == 1:
        decimal = "."
    else:
        decimal = ""
    whole, _, part = digits.rpartition(decimal) if decimal else (digits, "", "")
    return Fraction(f"{_GROUPS.sub('', whole) or '0'}.{part or '0'}")


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
