"""The seam below the dialect: how bytes reach a provider, and how its reply comes back.

A transport interprets nothing. Statuses, headers and bytes come back as the provider sent them, failures as a
``Breakage``; what they mean is said above, in ``openai_dialect``, whichever transport carried them.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from classifier.value import value
from router.dispatch.address import Address


@value
class Patience:
    """How long an exchange may take.

    Attributes:
        ends_s: when everything is over, by ``time.monotonic``.
        connect_s: seconds for name lookup, connection and handshake together.
        silence_s: seconds that may pass without a byte of the reply's body; None where only ``ends_s`` counts.
    """

    ends_s: float
    connect_s: float
    silence_s: float | None = None


class Reply(Protocol):
    """A reply whose status and headers are in."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The reply's headers; names in lower case."""
        ...

    async def readany(self) -> bytes:
        """Wait for bytes and give all that are there; ``b""`` means the body ended as announced.

        Raises:
            Breakage: it did not.
        """
        ...

    def set_silence(self, silence_s: float) -> None:
        """From now on, let silences last no longer than this."""
        ...


class Transport(Protocol):
    """Carries one POST. Leaving the reply's context before its end closes the connection."""

    @property
    def default_base(self) -> str | None:
        """The base URL of targets that name none; None where there is no such thing."""
        ...

    def post(
        self, address: Address, extra: Mapping[str, str], body: bytes, patience: Patience
    ) -> AbstractAsyncContextManager[Reply]:
        """Send a request with ``extra`` headers; entering means that status and headers are in.

        Raises:
            Breakage: on entering.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
