"""A certificate as read: just the fields that decide about trust (RFC 5280 section 4)."""

from __future__ import annotations


class Certificate:
    """A certificate that has been read."""
