"""Why there is no answer: from what the HTTP client raises to an Outcome with one sentence.

raised                                        reason               retryable
------------------------------------------    -----------------    ---------
the time is over                              timed_out            yes
no such name, refused, no route               unreachable          yes
certificate or handshake                      tls_failed           yes
the connection broke before an answer         disconnected         yes
what came back is not HTTP                    protocol_error       yes
the URL or a header cannot be sent            bad_destination      no
the proxy wants credentials (407)             unauthorized         yes
no proxy, or it will not connect              unreachable          yes

A refusal by the guard is the sender's own to tell. Sentences name the destination as scheme://host only, and never
repeat the client's own words about URLs or headers.
"""

import os
import socket
import ssl

import aiohttp

from sidecar.domain.delivery import Outcome, Reason


def explain(error: BaseException, shown: str, proxy: str = "") -> Outcome:
    """The Outcome for what sending to `shown` (scheme://host) raised, through `proxy` (the same) where there is one."""
    if isinstance(error, TimeoutError):
        return _retryable(Reason.TIMED_OUT, f"{shown} did not answer in time.")
    tls = _tls(error)
    if tls is not None:
        return _retryable(Reason.TLS_FAILED, f"The TLS connection to {shown} failed: {tls_words(tls)}.")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status == 407:
            return _retryable(Reason.UNAUTHORIZED, f"{shown}: the proxy wants other credentials; correct `proxy`.")
        return _retryable(Reason.UNREACHABLE, f"{shown}: the proxy does not connect, it answered {error.status}.")
    if isinstance(error, aiohttp.ClientConnectorDNSError) and proxy:
        why = system_words(error.os_error)
        return _retryable(Reason.UNREACHABLE, f"The name of the proxy {proxy} cannot be resolved: {why}.")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return _retryable(Reason.UNREACHABLE, f"No connection to the proxy {proxy}: {system_words(error.os_error)}.")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _retryable(
            Reason.UNREACHABLE, f"The name in {shown} cannot be resolved: {system_words(error.os_error)}."
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return _retryable(Reason.UNREACHABLE, f"No connection to {shown}: {system_words(error.os_error)}.")
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
        return _retryable(Reason.PROTOCOL_ERROR, f"What {shown} answered is not HTTP.")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError)):
        return Outcome(
            reason=Reason.BAD_DESTINATION,
            detail=f"The request to {shown} cannot be made; check the URL and the headers of the subscription.",
        )
    return _retryable(Reason.DISCONNECTED, f"The connection to {shown} broke before it answered.")


def _retryable(reason: Reason, detail: str) -> Outcome:
    return Outcome(reason=reason, retryable=True, detail=detail)


def _tls(error: BaseException) -> BaseException | None:
    """The TLS failure behind an error: raised while connecting, or met later (a client certificate asked for)."""
    if isinstance(error, (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError)):
        return error.__cause__ or error
    if isinstance(error, ssl.SSLError):
        return error
    return error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else None


def tls_words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).lower().replace("_", " ")
    return "the handshake broke off"


def system_words(error: OSError) -> str:
    """The system's words for an error; asyncio's own text would repeat the address."""
    if isinstance(error, socket.gaierror):
        said = error.strerror or ""
    else:
        said = os.strerror(error.errno) if error.errno else ""
    return said[:1].lower() + said[1:] if said else "every attempt to connect failed"
