"""What the distribution distrusts, for OpenSSL mode: the files and what they say.

Places and rules are those of the core, src/store/distrust.rs and distrust_files.rs. A certificate
that is distrusted is not loaded. OpenSSL cannot be told of a date for the certificates that a root
issues, of name constraints beside the root's own, or of distrusted intermediates that servers send.
"""

from __future__ import annotations

import os
import stat

from . import _openssl_p11kit as p11kit
from . import _openssl_pem
from ._files import file_identity
from ._openssl_der import Damaged, canonical, certificates, identity, oids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._files import _Identity

# The tables of the core, src/store/locations.rs.
TRUST_SOURCES = (
    "/usr/share/pki/ca-trust-source",
    "/etc/pki/ca-trust/source",
    "/usr/share/ca-certificates/trust-source",
    "/etc/ca-certificates/trust-source",
    "/usr/share/pki/trust",
    "/etc/pki/trust",
    "/etc/ssl/trust-source",
)
UNTRUSTED = ("/usr/share/certs/untrusted", "/etc/ssl/untrusted", "/etc/ssl/blacklisted")

_MAX_FILE_BYTES = 256 << 20
_SERVER_AUTH = b"\x2b\x06\x01\x05\x05\x07\x03\x01"
_ANY_PURPOSE = b"\x55\x1d\x25\x00"


class Distrust:
    """All that the files say, about trust anchors for servers."""

    def __init__(self) -> None:
        #: The files, and the number of statements in each.
        self.files: list[tuple[str, int]] = []
        self.problems: list[str] = []
        #: By the certificate: since when it is no anchor for new certificates, and the file.
        self.after: dict[bytes, tuple[int, str]] = {}
        self._certificates: dict[bytes, str] = {}
        self._serials: dict[tuple[object, bytes], str] = {}
        self._keys: dict[bytes, str] = {}

    @property
    def takes_away(self) -> bool:
        """Whether there is any certificate that must not be loaded."""
        return bool(self._certificates or self._serials or self._keys)

    def file_against(self, certificate: bytes) -> str | None:
        """The file that says that this certificate is no trust anchor for servers."""
        file = self._certificates.get(certificate)
        if file is None and (self._serials or self._keys):
            read = identity(certificate)
            if read is not None:
                issuer, serial, _, key = read
                if self._serials:
                    file = self._serials.get((canonical(issuer), serial))
                file = file or self._keys.get(key)
        return file

    def add(
        self, file: str, statements: list[p11kit.Statement], faults: list[p11kit.Fault]
    ) -> None:
        """Takes what a file says."""
        for line, reason in faults:
            self.problems.append(f"{file}{f', line {line}' if line else ''}: {reason}")
        for statement in statements:
            if isinstance(statement, p11kit.AboutSerial):
                key = canonical(statement.issuer), statement.serial
                self._serials.setdefault(key, file)
            elif isinstance(statement, p11kit.AboutKey):
                if _limits(statement.kind, statement.contents):
                    self._keys.setdefault(statement.key, file)
            else:
                self._add_certificate(file, statement)
        if statements:
            self.files.append((file, len(statements)))

    def _add_certificate(self, file: str, about: p11kit.AboutCertificate) -> None:
        if about.distrusted or not {_SERVER_AUTH, _ANY_PURPOSE}.isdisjoint(about.rejected):
            self._certificates.setdefault(about.certificate, file)
        if about.after is not None:
            known = self.after.get(about.certificate)
            if known is None or about.after < known[0]:  # of several dates the earliest
                self.after[about.certificate] = about.after, file


def _limits(kind: bytes, contents: bytes) -> bool:
    """Whether an extension that is attached to a key excludes servers."""
    if kind == p11kit.NAME_CONSTRAINTS:
        return False
    names_servers = not oids(contents).isdisjoint((_SERVER_AUTH, _ANY_PURPOSE))
    return names_servers == (kind == p11kit.REJECTED_PURPOSES)


#: What each file said when it was read. The child of a fork has its own.
_known: dict[str, tuple[_Identity, bool, list[p11kit.Statement], list[p11kit.Fault]]] = {}


def read(root: str = "") -> Distrust:
    """Reads the files of all places, those that have changed. `root` is for the tests."""
    found = Distrust()
    for source in TRUST_SOURCES:
        if _directory(found, root + source, False):
            _directory(found, f"{root}{source}/anchors", False)
            _directory(found, f"{root}{source}/blocklist", True)
            _directory(found, f"{root}{source}/blacklist", True)
    for path in UNTRUSTED:
        _directory(found, root + path, True)
    return found


def _directory(found: Distrust, path: str, blocklist: bool) -> bool:
    """Reads the files of a directory. False if there is none."""
    try:
        names = sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        found.problems.append(f"{path}: {error.strerror}")
        return True
    for name in names:
        file = f"{path}/{name}"
        if not os.path.isdir(file):
            _file(found, file, blocklist)
    return True


def _file(found: Distrust, path: str, blocklist: bool) -> None:
    seen = file_identity(path)
    known = _known.get(path)
    if known is None or known[:2] != (seen, blocklist):
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                raise Damaged("is not a regular file and is not read")
            if status.st_size > _MAX_FILE_BYTES:
                raise Damaged("is too large")
            with open(path, "rb") as file:
                text = file.read(_MAX_FILE_BYTES)
        except FileNotFoundError:
            found.problems.append(f"{path}: is a link to something that does not exist")
            return
        except (OSError, Damaged) as error:
            found.problems.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            return
        statements, faults = _policy(text, blocklist)
        # What was replaced meanwhile is read again the next time.
        known = (seen or (0, 0, 0, 0, 0), blocklist, statements, faults)
        _known[path] = known
    found.add(path, known[2], known[3])


def _policy(text: bytes, blocklist: bool) -> tuple[list[p11kit.Statement], list[p11kit.Fault]]:
    """What a file says."""
    lines = text.split(b"\n")
    if not lines[-1]:
        del lines[-1]
    if p11kit.is_p11kit(lines):
        return p11kit.parse(lines, blocklist)
    statements: list[p11kit.Statement] = []
    faults: list[p11kit.Fault] = []
    for line, block in _openssl_pem.blocks(lines):
        if isinstance(block, Damaged):
            faults.append((line, str(block)))
        elif blocklist or block[1]:
            statements.append(p11kit.AboutCertificate(block[0], blocklist, None, block[1]))
    # What else is in a directory of policies takes no trust away, damaged or not.
    if not blocklist:
        return statements, []
    if not statements:
        ders, complete = certificates(text)
        if complete and ders:
            return [p11kit.AboutCertificate(der, True, None, []) for der in ders], []
        if not faults:
            what = "contains no PEM block with a certificate" if text else "is empty"
            faults.append((None, what))
    return statements, faults
