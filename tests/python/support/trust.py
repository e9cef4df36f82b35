"""Whom contexts trust."""

from __future__ import annotations

import ssl

from servers import exchange_socket


def make(**keywords):
    import trustbridge  # once the mode is decided

    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT, **keywords)


def accepted(context, server) -> bool:
    try:
        return exchange_socket(context, server.address) == b"ping"
    except ssl.SSLCertVerificationError:
        return False


def package(folder, pem, name="certifi") -> str:
    """A package of certifi's form; its bundle."""
    here = folder / name
    here.mkdir(parents=True)
    (here / "__init__.py").write_text("")
    (here / "cacert.pem").write_bytes(pem)
    return str(here / "cacert.pem")
