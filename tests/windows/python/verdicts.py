"""Verdicts on what a server would send."""

from __future__ import annotations

import trustbridge


def verdict(leaf, **settings) -> str:
    """Where the trust anchor came from, or the kind of the refusal."""
    try:
        return trustbridge.verify(leaf.chain_der, "localhost", **settings).source
    except trustbridge.VerificationError as error:
        return error.kind
