"""JSON without loss: orjson where it can say it, the standard library where it cannot.

orjson refuses lone surrogates, which clients make that cut a text in the middle of an emoji, rounds whole numbers of more
than 64 bits when it reads them, and cannot write them. Both are JSON (RFC 8259 sections 6 and 8.2), and both come by.
"""

import json
from codecs import BOM_UTF8
from math import isfinite
from typing import Any, NoReturn

import orjson

_ALIKE = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_LONG = b"0" * 19
"""The digits of the shortest whole number of more than 64 bits, all made alike."""


def loads(raw: bytes) -> Any:
    """Read JSON; strings may hold lone surrogates.

    Raises:
        orjson.JSONDecodeError: it is none.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        if b"\\ud" not in raw and b"\\uD" not in raw:
            raise
        try:
            return _read_slowly(raw)
        except (ValueError, RecursionError):
            pass  # what orjson said of it says more
        raise


def may_be_rounded(raw: bytes) -> bool:
    """Whether ``loads`` may have rounded a whole number of this JSON: it has that many digits in a row somewhere."""
    return _LONG in raw.translate(_ALIKE)


def loads_exactly(raw: bytes) -> Any:
    """Read JSON that ``loads`` has read, whole numbers of any length included, at a tenth of its speed."""
    return _read_slowly(raw)


def mended(raw: bytes) -> bytes:
    """What was meant to be JSON, without a byte order mark and with U+FFFD for what is not UTF-8.

    Some providers cut their tokens inside of a character; one odd character is less than an answer.
    """
    return raw.removeprefix(BOM_UTF8).decode("utf-8", "replace").encode()


def dumps(value: Any) -> bytes:
    """Write JSON.

    Raises:
        TypeError, ValueError: it cannot be said in JSON.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _read_slowly(raw: bytes) -> Any:
    # decoded here: json itself would let anything pass
    return json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite, parse_int=_whole)


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


def _whole(digits: str) -> int:
    _finite(digits)  # as orjson has it, for whole numbers too
    return int(digits)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
