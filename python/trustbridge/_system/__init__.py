"""The system's own verifier by way of `ctypes`: what stands for `_native` on Windows and Apple
systems where there is no native module.

It has the names of `_native.pyi` that the deferred mode, `verify` and the command line use. Nothing
of it is imported on other systems, and `ctypes` only when a chain is first verified.

    question.py     what an engine is asked, and its two answers
    certificate.py  a certificate as read
    checks.py       the rules for one certificate and for trust anchors, each once
    report.py       every sentence that a user reads
    cryptoapi.py    the engine of Windows
    security.py     the engine of Apple systems
"""
