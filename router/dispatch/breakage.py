"""What a broken exchange means: one table from aiohttp's exceptions to ours."""

import aiohttp
from aiohttp import client_exceptions, http_exceptions

from router.errors import (
    UpstreamBadReply,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)

Meaning = tuple[type[UpstreamError], str]

_NO_CONNECTION: Meaning = (UpstreamUnreachable, "no connection; check api_base and the network")
_HUNG_UP: Meaning = (UpstreamUnreachable, "the provider closed the connection without answering")
_NOT_TRUSTED: Meaning = (UpstreamUnreachable, "TLS failed; check the certificate and the scheme of api_base")
_NO_PROXY: Meaning = (UpstreamUnreachable, "the proxy refused the connection")
_BAD_ADDRESS: Meaning = (UpstreamUnreachable, "api_base is not a usable http(s) URL")
_REDIRECTED: Meaning = (UpstreamUnreachable, "the provider redirects; set api_base to where it redirects to")
_GARBLED: Meaning = (UpstreamBadReply, "the reply is not valid HTTP")
_CUT: Meaning = (UpstreamBadReply, "the reply broke off before its end")
_SILENT: Meaning = (UpstreamTimeout, "no bytes in time")
_NO_CONNECTION_IN_TIME: Meaning = (UpstreamTimeout, "no connection in time")
_OUT_OF_TIME: Meaning = (UpstreamTimeout, "the total time ran out")

MEANINGS: dict[type[BaseException], Meaning] = {
    aiohttp.ClientError: _NO_CONNECTION,
    aiohttp.ClientConnectionError: _NO_CONNECTION,
    aiohttp.ClientOSError: _NO_CONNECTION,
    aiohttp.ClientConnectorError: _NO_CONNECTION,
    aiohttp.ClientConnectorDNSError: _NO_CONNECTION,
    client_exceptions.UnixClientConnectorError: _NO_CONNECTION,
    aiohttp.ServerConnectionError: _NO_CONNECTION,
    aiohttp.ClientConnectionResetError: _HUNG_UP,
    aiohttp.ServerDisconnectedError: _HUNG_UP,
    aiohttp.UploadAbortedError: _HUNG_UP,
    aiohttp.ClientSSLError: _NOT_TRUSTED,
    aiohttp.ClientConnectorSSLError: _NOT_TRUSTED,
    aiohttp.ClientConnectorCertificateError: _NOT_TRUSTED,
    aiohttp.ServerFingerprintMismatch: _NOT_TRUSTED,
    aiohttp.ClientProxyConnectionError: _NO_PROXY,
    aiohttp.ClientHttpProxyError: _NO_PROXY,
    aiohttp.InvalidURL: _BAD_ADDRESS,
    aiohttp.InvalidUrlClientError: _BAD_ADDRESS,
    aiohttp.NonHttpUrlClientError: _BAD_ADDRESS,
    aiohttp.RedirectClientError: _REDIRECTED,
    aiohttp.InvalidUrlRedirectClientError: _REDIRECTED,
    aiohttp.NonHttpUrlRedirectClientError: _REDIRECTED,
    aiohttp.TooManyRedirects: _REDIRECTED,
    aiohttp.ClientResponseError: _GARBLED,
    aiohttp.ContentTypeError: _GARBLED,
    aiohttp.WSServerHandshakeError: _GARBLED,
    aiohttp.ClientPayloadError: _CUT,
    aiohttp.EofStream: _CUT,
    aiohttp.ServerTimeoutError: _SILENT,
    aiohttp.SocketTimeoutError: _SILENT,
    aiohttp.ConnectionTimeoutError: _NO_CONNECTION_IN_TIME,
    http_exceptions.HttpProcessingError: _GARBLED,
    http_exceptions.BadHttpMessage: _GARBLED,
    http_exceptions.BadHttpMethod: _GARBLED,
    http_exceptions.BadStatusLine: _GARBLED,
    http_exceptions.HttpBadRequest: _GARBLED,
    http_exceptions.InvalidHeader: _GARBLED,
    http_exceptions.InvalidURLError: _GARBLED,
    http_exceptions.LineTooLong: _GARBLED,
    http_exceptions.PayloadEncodingError: _CUT,
    http_exceptions.ContentEncodingError: _GARBLED,
    http_exceptions.DecompressSizeError: _GARBLED,
    http_exceptions.ContentLengthError: _CUT,
    http_exceptions.TransferEncodingError: _CUT,
    TimeoutError: _OUT_OF_TIME,  # aiohttp's own for ClientTimeout.total
    OSError: _NO_CONNECTION,
}

NOT_ON_THIS_PATH: frozenset[type[BaseException]] = frozenset(
    {
        aiohttp.BadContentDispositionHeader,  # warnings of multipart readers
        aiohttp.BadContentDispositionParam,
        aiohttp.WSMessageTypeError,  # websockets
        aiohttp.WebSocketError,
    }
)

BREAKAGES: tuple[type[BaseException], ...] = (
    aiohttp.ClientError,
    aiohttp.EofStream,
    http_exceptions.HttpProcessingError,
    OSError,  # TimeoutError is one
)
"""What to catch around an exchange; everything in ``MEANINGS`` is a subclass of one of these."""


def breakage(error: BaseException, deployment: str, *, sent_on: bool = False, billed: bool = False) -> UpstreamError:
    """Say what a broken exchange means.

    The exception's own text stays out: it may hold the URL, and its ``repr`` the request's headers.

    Args:
        error: one of ``BREAKAGES``.
        deployment: the pool's name for it, for the message.
        sent_on: bytes of this reply have left for the caller, so nothing can be retried.
        billed: the provider had begun to answer. One that had the request and let us wait may charge for it too.
    """
    kind, text = next(MEANINGS[cls] for cls in type(error).__mro__ if cls in MEANINGS)
    if sent_on and kind is not UpstreamTimeout:
        kind, text = UpstreamBroken, "the stream broke off before its end"
    may_cost = billed or (kind is UpstreamTimeout and not isinstance(error, aiohttp.ConnectionTimeoutError))
    return kind(f"{deployment}: {text}", billed=may_cost)
