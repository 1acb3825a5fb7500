"""Reading a point in time as people write it: an age, a date, or Unix seconds."""

import re
from datetime import UTC, datetime

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
FORMS = (
    "write an age such as 30m, 12h, 7d or 2w, a date or time such as 2026-11-25 or 2026-11-25T08:00Z, or Unix seconds"
)

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def read_since(text: str, now_s: float) -> float:
    """Unix seconds of a point in time; dates and times without a zone are UTC.

    Raises:
        ValueError: it is none of the forms; the message says which there are.
    """
    text = text.strip()
    age = _AGE.fullmatch(text)
    if age is not None:
        return now_s - float(age[1]) * UNIT_S[age[2]]
    if re.fullmatch(r"\d{5,12}(\.\d+)?", text):
        return float(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no point in time; {FORMS}") from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
