"""`python -m trustbridge store` and `export`: what is in the system's store."""

from __future__ import annotations

import sys

from .output import GREEN, NOT_TRUSTED, RED, TRUSTED, USAGE, print_json, show, words, write_exactly

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def store(parsed: argparse.Namespace) -> int:
    from .. import _environment

    found = _environment.read_store()
    entries, places, problems = found.entries(), found.places(), found.problems()
    rejects = [entry for entry in entries if entry[3] is not None]
    usable = len(entries) - len(rejects)
    if parsed.json:
        import hashlib

        print_json(
            {
                "places": [
                    {"source": source, "reason": reason, "certificates": number}
                    for source, reason, number in places
                ],
                "certificates": len(entries),
                "usable": usable,
                "refused": [
                    {
                        "subject": subject,
                        "source": source,
                        "reason": refusal,
                        "sha256": hashlib.sha256(der).hexdigest(),
                    }
                    for der, subject, source, refusal in rejects
                ],
                "problems": problems,
            }
        )
    else:
        lines = [f"usable trust anchors: {usable} of {count(len(entries))}", "Searched:"]
        lines += [f"  {source} ({reason}): {count(number)}" for source, reason, number in places]
        if problems:
            lines += ["Problems:", *(f"  {problem}" for problem in problems)]
        if rejects:
            lines.append("Candidates rejected:")
        for _, subject, source, refusal in rejects:
            lines += [f"  {subject}", f"     {refusal}", f"     from {source}"]
        show(lines, GREEN if usable else RED)
    return TRUSTED if usable else NOT_TRUSTED


def count(number: int) -> str:
    return f"{number} certificate" if number == 1 else f"{number} certificates"


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
