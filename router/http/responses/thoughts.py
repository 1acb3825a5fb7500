"""A model's thoughts on their way out and back: a client that keeps its own conversation brings them along.

Some clients bring back the text, others only what they cannot read (``encrypted_content``): there it stands in base64, for
who asks for it by ``include``. It is no secret, since the text is beside it. What other gateways sealed is passed over.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

SEALED = "reasoning.encrypted_content"
"""What clients include who bring back what they cannot read."""

_MARK = "fusion-router:"


def sealed(text: str) -> str:
    """The text as a client brings it back."""
    return _MARK + b64encode(text.encode("utf-8", "surrogatepass")).decode()


def thoughts_in(item: Mapping[str, Any]) -> str:
    """The text of a reasoning item; empty where it has none that can be read here."""
    parts = item.get("content")
    texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    if text := "".join([text for text in texts if isinstance(text, str)]):
        return text
    brought = item.get("encrypted_content")
    if not isinstance(brought, str) or not brought.startswith(_MARK):
        return ""
    try:
        return b64decode(brought.removeprefix(_MARK), validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return ""
