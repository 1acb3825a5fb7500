"""Numbers as answers give them: in words or digits, whole, decimal, mixed or as a fraction, with a scale and a unit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in its one form.

    Attributes:
        value: in the base of its unit.
        unit: the base: ``m``, ``%``, ``usd``; as it was written where it is not known, empty where none was given.
        said: the number as it was given, before its unit was brought to the base.
    """

    value: Fraction
    unit: str
    said: Fraction


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

_BASES = frozenset(base for base, _ in _UNITS.values())

_SCALES: Mapping[str, int] = MappingProxyType(
    {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
)

_PLAIN = r"(?:\d{1,3}(?:[,.'’   ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[.,]\d+)"
_NUMBER = re.compile(
    rf"(?:(?:≈|~|=|about|approximately|approx\.?|roughly|exactly|ungefähr|environ|[a-z]\s*=)\s*)?"
    rf"(?P<front>[$€£]\s*)?(?P<sign>[-−–+]\s*)?(?P<front2>[$€£]\s*)?"
    rf"(?:(?P<whole>\d+)\s+(?P<mixed>\d+\s*/\s*\d+)|(?P<top>{_PLAIN})\s*/\s*(?P<bottom>{_PLAIN})|(?P<plain>{_PLAIN}))"
    r"(?:\s*(?:[x×*·]\s*10\s*(?:\^|\*\*)\s*\{?|e)(?P<power>[-−+]?\d{1,3})\}?)?"
    rf"(?:\s*(?P<scale>{'|'.join(_SCALES)})\b)?"
    r"\s*(?P<unit>[^\d\s.,;:!?()]{1,14}(?:\s?[a-z/]{1,6})?)?",
    re.IGNORECASE,
)
_GROUPS = re.compile(r"[,.'’   ]")


def read_quantity(text: str) -> Quantity | None:
    """The number that a text is; None where it is none."""
    if text.casefold() in _WORD_NUMBERS:
        value = Fraction(_WORD_NUMBERS[text.casefold()])
        return Quantity(value, "", value)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    base, factor = _unit(match)
    size = _magnitude(match)
    if size is None:
        return None
    if match["sign"] and match["sign"].strip() != "+":
        size = -size
    return Quantity(size * factor, base, size)


def is_measure(unit: str) -> bool:
    """Whether a unit can be left out without changing the number: ``2 km`` and ``2 apples``, not ``2π`` or ``2k``."""
    return unit in _BASES or (len(unit) > 2 and unit.replace(" ", "").isalpha())


def _unit(match: re.Match[str]) -> tuple[str, Fraction]:
    """A number's unit in its base; a currency in front and what follows the number are both of it."""
    front, unit = (match["front"] or match["front2"] or "").strip(), (match["unit"] or "").strip().casefold()
    base, factor = _UNITS.get(unit, (unit, Fraction(1)))
    if not front or base == _UNITS[front][0]:
        return base, factor
    return f"{_UNITS[front][0]} {unit}".strip(), Fraction(1)


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
    value *= _SCALES[match["scale"].casefold()] if match["scale"] else 1
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
