"""Reading a page's body: the kinds that hold text, unpacked and cut at the cap, in the encoding it says."""

import codecs
import re
import zlib
from dataclasses import dataclass
from typing import Literal

from aiohttp import ClientResponse

from router.dispatch.web.found import WebFailure

Kind = Literal["html", "text"]

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = frozenset({"text/plain", "text/markdown", "text/csv", "text/xml", "application/json", "application/xml"})
_GZIP = 31  # zlib's window bits for gzip
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.I)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENCODINGS = re.compile(
    r"utf-?8|utf-?16(-?[lb]e)?|(us-)?ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?125\d|cp125\d|koi8-?[ru]|shift[-_]?jis|sjis"
    r"|euc-?(jp|kr)|gb2312|gbk|gb18030|big5(-hkscs)?|tis-620|macintosh"
)
"""Encodings that pages are written in. Python knows more, among them some that take quadratic time (``idna``) or are
no encodings of text; a page that names one of those is read as UTF-8."""


@dataclass(frozen=True, slots=True)
class Body:
    """A page's text as it came; ``is_cut`` where there was more."""

    kind: Kind
    text: str
    is_cut: bool


async def read_body(reply: ClientResponse, max_bytes: int) -> Body:
    """Read a reply of status 200.

    Raises:
        WebFailure: it is of a kind, or packed in a way, that is not read.
    """
    declared = reply.headers.get("Content-Type", "")
    kind = kind_of(declared)
    packing = reply.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip"):
        raise WebFailure("the page is packed in a way that is not read")
    unpack = zlib.decompressobj(_GZIP) if "gzip" in packing else None
    parts, size, received = [], 0, 0
    async for chunk in reply.content.iter_any():
        received += len(chunk)
        room = max_bytes - size
        try:
            data = chunk[: room + 1] if unpack is None else unpack.decompress(chunk, room + 1)
        except zlib.error:
            raise WebFailure("the page's packing is broken") from None
        parts.append(data[:room])
        size += len(parts[-1])
        if len(data) > room or received > max_bytes:
            return Body(kind, decoded(b"".join(parts), declared), is_cut=True)
    return Body(kind, decoded(b"".join(parts), declared), is_cut=False)


def kind_of(content_type: str) -> Kind:
    """What a content type holds.

    Raises:
        WebFailure: no text.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name in _HTML:
        return "html"
    if name in _TEXT or name.endswith(("+json", "+xml")):
        return "text"
    raise WebFailure("the page is not text")


def decoded(raw: bytes, content_type: str) -> str:
    """Bytes as text: by their mark, by what the header says, by what the page says, else as UTF-8."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace")
    named = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.I)
    written = _META.search(raw[:2048])
    for name in (named[1] if named else None, written[1].decode("ascii", "replace") if written else None):
        if name is not None and _ENCODINGS.fullmatch(name.lower()):
            try:
                return raw.decode(name, errors="replace")
            except LookupError:
                continue
    return raw.decode("utf-8", errors="replace")
