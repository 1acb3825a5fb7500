"""How an exchange can break, and what that means: one exception for each way, and one table from them to our errors."""

from router.errors import (
    OutOfFiles,
    UpstreamBadReply,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)


class Breakage(Exception):
    """An exchange broke. Subclasses carry no text: it might hold a URL or a header."""


class NoConnection(Breakage):
    """The provider's host has no address, or nobody there listens."""


class NoMoreFiles(Breakage):
    """This process, or this machine, may open no further file, and so no connection."""


class NotTrusted(Breakage):
    """The TLS handshake failed."""


class NoConnectionInTime(Breakage):
    """Name lookup, connection and handshake took too long."""


class NoProxy(Breakage):
    """Nobody listens where the proxy should be, or it is not to be trusted."""


class ProxyWantsLogin(Breakage):
    """The proxy answered 407."""


class ProxyForbids(Breakage):
    """The proxy answered 403."""


class ProxyFailed(Breakage):
    """The proxy opened no tunnel, for some other reason."""


class NoTunnelInTime(Breakage):
    """The same as ``NoConnectionInTime``, by way of a proxy."""


class HungUp(Breakage):
    """The connection closed before a reply had begun."""


class Garbled(Breakage):
    """What came is not HTTP, or compressed in a way we did not ask for."""


class Cut(Breakage):
    """The connection closed before the reply's end."""


class Silent(Breakage):
    """No byte came for too long."""


class OutOfTime(Breakage):
    """The call's whole time ran out."""


MEANINGS: dict[type[Breakage], tuple[type[UpstreamError], str]] = {
    NoConnection: (UpstreamUnreachable, "no connection; check api_base and the network"),
    NoMoreFiles: (OutOfFiles, "the gateway may open no more files; raise ulimit -n, or lower limits.max_in_flight"),
    NotTrusted: (UpstreamUnreachable, "TLS failed; check the certificate and the scheme of api_base"),
    NoConnectionInTime: (UpstreamTimeout, "no connection in time"),
    NoProxy: (UpstreamUnreachable, "no connection to the proxy; check the proxy's variable in the environment"),
    ProxyWantsLogin: (
        UpstreamUnreachable,
        "the proxy, not the provider, refuses the login (407); check user and password in the proxy's variable",
    ),
    ProxyForbids: (
        UpstreamUnreachable,
        "the proxy, not the provider, refuses (403); have the provider's host allowed there, or name it in NO_PROXY",
    ),
    ProxyFailed: (UpstreamUnreachable, "the proxy opens no way to the provider; check api_base and the proxy"),
    NoTunnelInTime: (UpstreamTimeout, "no connection through the proxy in time"),
    HungUp: (UpstreamUnreachable, "the provider closed the connection without answering"),
    Garbled: (UpstreamBadReply, "the reply is not valid HTTP, or packed in a way we did not ask for"),
    Cut: (UpstreamBadReply, "the reply broke off before its end"),
    Silent: (UpstreamTimeout, "no bytes in time"),
    OutOfTime: (UpstreamTimeout, "the total time ran out"),
}


def meaning(error: Breakage, deployment: str, *, sent_on: bool = False, billed: bool = False) -> UpstreamError:
    """Say what a broken exchange means.

    Args:
        error: how it broke.
        deployment: the pool's name for it, for the message.
        sent_on: bytes of this reply have left for the caller, so nothing can be retried.
        billed: the provider had begun to answer. One that had the request and let us wait may charge for it too.
    """
    kind, text = MEANINGS[type(error)]
    if sent_on and kind is not UpstreamTimeout:
        kind, text = UpstreamBroken, "the stream broke off before its end"
    return kind(f"{deployment}: {text}", billed=billed or isinstance(error, Silent | OutOfTime))
