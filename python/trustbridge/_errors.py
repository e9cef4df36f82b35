"""What the certificate errors of this package say, and what they have beside their message."""

from __future__ import annotations

import ssl
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ._native import Failure

    _Error = TypeVar("_Error", bound=ssl.SSLCertVerificationError)


def refusal(make: type[_Error], prefix: str, failure: Failure) -> _Error:
    """The exception of a chain that is not trusted, new each time."""
    # With two arguments, as `ssl` makes it: some programs print the second.
    error = make(int(ssl.SSLErrorNumber.SSL_ERROR_SSL), f"{prefix}: {failure.line}")
    error.verify_code = failure.verify_code
    error.verify_message = failure.verify_message
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    error.library = "SSL"
    add_report(error, failure.kind, failure.depth, failure.report, failure.missing_issuer)
    return error


#: What `ssl` says in place of OpenSSL's words, before the name.
_MISMATCHES = {62: "Hostname mismatch", 64: "IP address mismatch"}


def refused(failure: Failure, host: str | None = None) -> ssl.SSLCertVerificationError:
    """The exception of a refused handshake, as `ssl` words it."""
    message = failure.verify_message
    mismatch = _MISMATCHES.get(failure.verify_code)
    if mismatch is not None and host is not None:
        from ._name import escape

        message = f"{mismatch}, certificate is not valid for '{escape(host)}'."
    words = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message}"
    error = refusal(ssl.SSLCertVerificationError, words, failure)
    error.verify_message = message
    return error


def add_words(error: ssl.SSLCertVerificationError, line: str) -> None:
    """Puts a line behind OpenSSL's words in the message of an exception that `ssl` has made."""
    text = error.strerror or ""
    # "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: <OpenSSL's words> (_ssl.c:1007)"
    words, found, place = text.rpartition(" (_ssl.c:")
    if not found:
        words = text
    text = f"{words}: {line}{found}{place if found else ''}"
    error.args = (error.args[0], text)
    error.strerror = text


def add_report(
    error: ssl.SSLCertVerificationError,
    kind: str,
    depth: int | None,
    report: str,
    missing_issuer: tuple[str, str | None] | None,
) -> None:
    """Puts what is known beside the message of an exception."""
    error.kind = kind  # type: ignore[attr-defined]
    error.depth = depth  # type: ignore[attr-defined]
    error.report = report  # type: ignore[attr-defined]
    error.missing_issuer = missing_issuer  # type: ignore[attr-defined]
    if sys.version_info >= (3, 11):
        error.add_note(report)
