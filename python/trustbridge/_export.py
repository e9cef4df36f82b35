"""The system's trust anchors as text, for programs with a TLS stack of their own."""

from __future__ import annotations

from binascii import b2a_base64

from . import _environment
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

_HEADER = """\
# Trust anchors for TLS servers, exported by trustbridge {version}.
# This file cannot carry distrust, limits on purposes, or later changes of the store.
"""
_DATED = """\
# The distribution trusts it only for servers' certificates issued up to {date}.
# This file cannot carry that. From {file}
"""


def export_pem(path: str | PathLike[str] | None = None) -> str:
    """The certificates of the system's store that can be trust anchors of servers now, in PEM.

    A line of comment before each names its subject and where it came from. With a path the text
    is also written to that file, which appears or is replaced at once and complete.

    For programs that do not use the `ssl` module and take a file of CA certificates, such as
    grpc, pycurl or curl_cffi. They lose what a file cannot carry: certificates that the store
    distrusts, purposes, later changes of the store, and the vetting of each certificate at the
    time of a connection. Root certificates that the distribution distrusts are left out. Those that
    it trusts only for certificates issued up to a date are in the file, as in the bundle; a line
    of comment gives the date.

    Raises ValueError if there is no usable certificate: some programs take an empty file for
    "trust the defaults".
    """
    blocks = []
    for der, subject, source, refusal, after in _environment.read_store().entries():
        if refusal is None:
            body = b2a_base64(der, newline=False).decode("ascii")
            lines = [body[start : start + 64] for start in range(0, len(body), 64)]
            blocks.append(
                f"\n# {one_line(subject)}\n# from {one_line(source)}\n{_limit(after)}"
                "-----BEGIN CERTIFICATE-----\n" + "\n".join(lines) + "\n"
                "-----END CERTIFICATE-----\n"
            )
    if not blocks:
        raise ValueError("the system's store has no usable trust anchor for servers")
    text = _HEADER.format(version=__version__) + "".join(blocks)
    if path is not None:
        replace_file(path, text)
    return text


def _limit(after: tuple[int, str] | None) -> str:
    if after is None:
        return ""
    from ._times import moment

    return _DATED.format(date=moment(after[0]), file=one_line(after[1]))


def one_line(text: str) -> str:
    """ASCII, for readers that accept nothing else, and no way to end the comment."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    # A reader that looks for the marker anywhere must not find it here.
    return printable.replace("-----", "- - -").encode("ascii", "backslashreplace").decode("ascii")


def replace_file(path: str | PathLike[str], text: str) -> None:
    """Writes ASCII to a file, which appears or is replaced at once and complete."""
    import os
    import tempfile

    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="ascii", newline="\n") as device:  # such as /dev/stdout
            device.write(text)
        return
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".trustbridge-")
    try:
        with open(handle, "w", encoding="ascii", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)  # nothing in it is secret
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
