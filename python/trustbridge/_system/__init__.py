"""The system's own verifier by way of `ctypes`: what stands for `_native` on Windows and Apple
systems where there is no native module.

It has the names of `_native.pyi` that the deferred mode, `verify` and the command line use. Nothing
of it is imported on other systems, and `ctypes` only when a chain is first verified.

    question.py     what an engine is asked, and its two answers
    ask.py          from a question to its verdict: bounds, pins, then the engine
    der.py, name.py, key.py, extensions.py, certificate.py
                    a certificate as read
    checks.py       the rules for one certificate and for trust anchors, each once
    kinds.py, words.py, hints.py, report.py
                    every sentence that a user reads
    reading.py, trust.py, verdict.py, verify.py, store.py
                    the native module's classes and functions
    cryptoapi.py    the engine of Windows, whose calls are in crypt32.py
    security.py     the engine of Apple systems, whose calls are in security_calls.py
"""

from __future__ import annotations

from .._version import __version__
from .reading import Batch, read_der, read_directory, read_file, read_pem
from .store import Store, read_store
from .trust import Connection, Trust, requested_checks
from .verdict import Certificate, Failure, Verified
from .verify import verify

__all__ = [
    "Batch",
    "Certificate",
    "Connection",
    "Failure",
    "Store",
    "Trust",
    "Verified",
    "__version__",
    "read_der",
    "read_directory",
    "read_file",
    "read_pem",
    "read_store",
    "requested_checks",
    "verify",
]
