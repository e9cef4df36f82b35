"""Contexts of OpenSSL mode, in the process of the tests."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from servers import Server, exchange_socket, server_context
from trustbridge import _openssl, _openssl_store

ROOT = Path(__file__).parents[3]


def make():
    return _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def use_store(monkeypatch, *, bundles=(), directories=(), **environment):
    """As if this process had begun with this store."""
    found = _openssl_store.places(environment, bundles, directories)
    monkeypatch.setattr(_openssl_store, "_places", found)


def refusal(context, leaf) -> ssl.SSLCertVerificationError:
    with Server(server_context(leaf)) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
    return caught.value
