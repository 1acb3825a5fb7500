"""Who is calling: API keys, kept as hashes and compared in constant time."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from router.errors import Unauthorized


class Authenticator:
    """Knows the keys' hashes by the callers' names; no keys means that everybody may call."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take SHA-256 digests in hex by caller name."""
        self._keys = [(name, bytes.fromhex(digest)) for name, digest in keys.items()]

    def caller(self, headers: Mapping[bytes, bytes]) -> str:
        """The caller's name; empty where authentication is off.

        Raises:
            Unauthorized: no key was sent, or one that is not known.
        """
        if not self._keys:
            return ""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        sent = [token.strip()] if scheme.lower() == b"bearer" else []
        sent += [headers[b"x-api-key"]] if b"x-api-key" in headers else []
        if not any(sent):
            raise Unauthorized("No API key was sent. Send it as `Authorization: Bearer …` or as `x-api-key`.")
        digests, found = [sha256(key).digest() for key in sent], ""
        for name, known in self._keys:
            for digest in digests:
                if compare_digest(digest, known):
                    found = name
        if not found:
            raise Unauthorized("The API key is not known to this gateway (`auth.keys` in its config).")
        return found
