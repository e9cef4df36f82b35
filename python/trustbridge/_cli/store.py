"""`python -m trustbridge store` and `export`: what is in the system's store."""

from __future__ import annotations

import sys

from .._times import moment
from .output import GREEN, NOT_TRUSTED, RED, TRUSTED, USAGE, print_json, show, words, write_exactly

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from .._environment import NamedStore
    from .._native import Store
    from .._openssl_listing import Listing

    _Store = Store | NamedStore | Listing


def store(parsed: argparse.Namespace) -> int:
    found, enforced = _read()
    usable = sum(refusal is None for *_, refusal, _ in found.entries())
    if parsed.json:
        print_json({**_as_json(found, usable), "dates_enforced": enforced})
    else:
        show(_as_lines(found, usable, enforced), GREEN if usable else RED)
    return TRUSTED if usable else NOT_TRUSTED


def _read() -> tuple[_Store, bool]:
    """The store, and whether the dates of the distribution are enforced."""
    from .. import HANDSHAKE_MODE

    if HANDSHAKE_MODE == "openssl":
        from .. import _openssl_listing

        return _openssl_listing.Listing(), False
    from .. import _environment

    return _environment.read_store(), True


def _as_lines(found: _Store, usable: int, enforced: bool) -> list[str]:
    entries, problems, distrust = found.entries(), found.problems(), found.distrust()
    lines = [f"usable trust anchors: {usable} of {count(len(entries))}", "Searched:"]
    lines += [
        f"  {source} ({reason}): {count(number)}" for source, reason, number in found.places()
    ]
    if distrust:
        lines.append("Read for what the distribution distrusts:")
    lines += [f"  {file}: {count(number, 'statement')}" for file, number in distrust]
    if problems:
        lines += ["Problems:", *(f"  {problem}" for problem in problems)]
    rejects = [entry for entry in entries if entry[3] is not None]
    if rejects:
        lines.append("Candidates rejected:")
    for _, subject, source, refusal, _ in rejects:
        lines += [f"  {subject}", f"     {refusal}", f"     from {source}"]
    dated = [(subject, after) for _, subject, _, refusal, after in entries if after and not refusal]
    if dated:
        not_so = "" if enforced else " (not enforced: OpenSSL has no such setting)"
        lines.append(f"Trusted only for servers' certificates issued up to a date{not_so}:")
    for subject, (date, file) in dated:
        lines += [f"  {subject}", f"     {moment(date)}", f"     from {file}"]
    return lines


def _as_json(found: _Store, usable: int) -> dict[str, Any]:
    import hashlib

    def digest(der: bytes) -> str:
        return hashlib.sha256(der).hexdigest()

    entries = found.entries()
    return {
        "places": [
            {"source": source, "reason": reason, "certificates": number}
            for source, reason, number in found.places()
        ],
        "certificates": len(entries),
        "usable": usable,
        "refused": [
            {"subject": subject, "source": source, "reason": refusal, "sha256": digest(der)}
            for der, subject, source, refusal, _ in entries
            if refusal is not None
        ],
        "distrust": [{"source": file, "statements": number} for file, number in found.distrust()],
        "issued_up_to": [
            {
                "subject": subject,
                "date": moment(after[0]),
                "source": after[1],
                "sha256": digest(der),
            }
            for der, subject, _, _, after in entries
            if after is not None
        ],
        "problems": found.problems(),
    }


def count(number: int, what: str = "certificate") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def export(parsed: argparse.Namespace) -> int:
    from .. import export_pem

    try:
        text = export_pem(parsed.file)
    except ValueError as error:
        print(f"nothing exported: {error}", file=sys.stderr)
        return NOT_TRUSTED
    except OSError as error:
        print(f"{parsed.file} cannot be written: {words(error)}", file=sys.stderr)
        return USAGE
    if parsed.file is None:
        write_exactly(text)
    return TRUSTED
