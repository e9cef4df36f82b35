"""The extensions that decide about trust (RFC 5280 section 4.2.1), and what their values mean."""

from __future__ import annotations

from .. import _der as der
from .. import _name as name
from .purpose import CLIENT, SERVER

#: Key usage bits (RFC 5280 section 4.2.1.3).
DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT, KEY_CERT_SIGN = (
    1 << 15,
    1 << 13,
    1 << 11,
    1 << 10,
)
#: Bits of Netscape's certificate type, which OpenSSL honours.
NETSCAPE_CLIENT, NETSCAPE_SERVER, NETSCAPE_TLS_CA = 0x80, 0x40, 0x04

SERVER_AUTH, CLIENT_AUTH = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
ANY_USAGE = "2.5.29.37.0"
#: What stands for each purpose in an extended key usage. "Server gated cryptography" of Microsoft
#: and of Netscape: OpenSSL takes both for serverAuth.
PURPOSES = {
    SERVER: (SERVER_AUTH, "1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"),
    CLIENT: (CLIENT_AUTH,),
}

#: No certificate in use has more; reading stays linear with a small factor.
_MOST_EXTENSIONS = 64
_NETSCAPE_TYPE = "2.16.840.1.113730.1.1"
#: proxyCertInfo (RFC 3820)
_PROXY = "1.3.6.1.5.5.7.1.14"
#: Critical extensions that do not make a certificate unusable: OpenSSL's
#: `X509_supported_extension`, without proxies and without the resources of RFC 3779.
_HANDLED_WHEN_CRITICAL = frozenset(
    {
        *("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32"),
        *("2.5.29.33", "2.5.29.36", "2.5.29.37", "2.5.29.54", "1.3.6.1.5.5.7.48.1.5"),
        _NETSCAPE_TYPE,
    }
)
#: The forms of a GeneralName that need no reading to be well-formed.
_OTHER_NAME, _DIRECTORY_NAME, _REGISTERED_ID = 0xA0, 0xA4, 0x88
_PLAIN_NAMES = (0x81, 0x82, 0xA3, 0xA5, 0x86, 0x87)


class Extensions:
    """basic_constraints -- CA bit and path length
    key_usage -- bit 0 of the standard is the highest bit of 16
    extended_key_usage -- dotted object identifiers
    subject_alt_name, authority_info_access -- contents of the SEQUENCE
    authority_key_id, authority_serial, authority_issuer -- of authorityKeyIdentifier
    unknown_critical -- the first critical extension that OpenSSL does not handle either, dotted
    """

    def __init__(self) -> None:
        self.basic_constraints: tuple[bool, int | None] | None = None
        self.key_usage: int | None = None
        self.extended_key_usage: list[str] | None = None
        self.subject_alt_name: bytes | None = None
        self.authority_key_id: bytes | None = None
        self.authority_serial: bytes | None = None
        self.authority_issuer: bytes | None = None
        self.subject_key_id: bytes | None = None
        self.authority_info_access: bytes | None = None
        self.netscape_type: int | None = None
        self.unknown_critical: str | None = None

    @classmethod
    def read(cls, explicit: bytes) -> Extensions:
        outer = der.Reader(explicit)
        listed = der.Reader(outer.expect(der.SEQUENCE, "extensions"))
        outer.end("extensions")
        out = cls()
        seen: set[bytes] = set()
        while listed:
            extension = der.Reader(listed.expect(der.SEQUENCE, "extension"))
            oid = extension.expect(der.OID, "extnID")
            critical = extension.optional(der.BOOLEAN, "critical")
            is_critical = critical is not None and der.boolean(critical, "critical")
            value = extension.expect(der.OCTET_STRING, "extnValue")
            extension.end("extension")
            # RFC 5280 section 4.2: no more than one instance of an extension.
            if oid in seen:
                raise ValueError("extension (given twice)")
            if len(seen) >= _MOST_EXTENSIONS:
                raise ValueError("extensions (too many)")
            seen.add(oid)
            out._remember(der.dotted(oid), is_critical, value)
        return out

    def _remember(self, oid: str, critical: bool, value: bytes) -> None:
        """Keeps what is needed of one extension. One that decides about trust and cannot be read
        makes the certificate unusable: taking it for absent would lift its limits."""
        if oid == "2.5.29.14":
            what = "subjectKeyIdentifier"
            self.subject_key_id = der.Reader(value).expect(der.OCTET_STRING, what)
        elif oid == "2.5.29.15":
            self.key_usage = _key_usage(value)
        elif oid == "2.5.29.17":
            self.subject_alt_name = _sequence(value, "subjectAltName")
            _check_names(self.subject_alt_name, "subjectAltName")
        elif oid == "2.5.29.19":
            self.basic_constraints = _basic_constraints(value)
        elif oid == "2.5.29.30":
            _check_name_constraints(value)
        elif oid == "2.5.29.31":
            _check_distribution_points(value)
        elif oid == "2.5.29.35":
            self._authority_key_identifier(value)
        elif oid == "2.5.29.37":
            self.extended_key_usage = der.oids(_sequence(value, "extKeyUsage"), "extKeyUsage")
        elif oid == "1.3.6.1.5.5.7.1.1":
            try:  # a hint for humans: malformed, it does no harm
                self.authority_info_access = _sequence(value, "authorityInfoAccess")
            except ValueError:
                pass
        elif oid == _NETSCAPE_TYPE:
            self.netscape_type = (_bits(value, "netscape-cert-type") or b"\0")[0]
        # RFC 3820: whoever does not verify proxy certificates must not accept them. RFC 5280
        # section 4.2: a critical extension that is not recognized stops the path.
        unknown = oid == _PROXY or (critical and oid not in _HANDLED_WHEN_CRITICAL)
        if unknown and self.unknown_critical is None:
            self.unknown_critical = oid

    def _authority_key_identifier(self, value: bytes) -> None:
        what = "authorityKeyIdentifier"
        fields = der.Reader(_sequence(value, what))
        self.authority_key_id = fields.optional(der.context_primitive(0), what)
        names = fields.optional(der.context(1), what)
        serial = fields.optional(der.context_primitive(2), what)
        fields.end(what)
        if names is not None:
            _check_names(names, what)
            for tag, contents in der.elements(names):
                if tag == _DIRECTORY_NAME and self.authority_issuer is None:
                    self.authority_issuer = der.Reader(contents).expect(der.SEQUENCE, what)
        if serial is not None:
            self.authority_serial = der.integer(serial, what)


def _sequence(value: bytes, what: str) -> bytes:
    """The contents of the SEQUENCE that an extension's value begins with: like OpenSSL, we do not
    read what follows it."""
    return der.Reader(value).expect(der.SEQUENCE, what)


def _bits(value: bytes, what: str) -> bytes:
    """The octets of a BIT STRING, bits that are unused cleared."""
    contents = der.Reader(value).expect(der.BIT_STRING, what)
    if not contents or contents[0] > 7:
        raise ValueError(what)
    found = bytearray(contents[1:])
    if found:
        found[-1] &= 0xFF << contents[0] & 0xFF
    return bytes(found)


def _key_usage(value: bytes) -> int:
    """The first two octets: no bit is defined beyond. RFC 5280 section 4.2.1.3 forbids one without
    any bit, and OpenSSL takes it for malformed."""
    usage = int.from_bytes((_bits(value, "keyUsage") + b"\0\0")[:2], "big")
    if usage == 0:
        raise ValueError("keyUsage (empty)")
    return usage


def _basic_constraints(value: bytes) -> tuple[bool, int | None]:
    what = "basicConstraints"
    fields = der.Reader(_sequence(value, what))
    ca = fields.optional(der.BOOLEAN, what)
    length = fields.optional(der.INTEGER, what)
    fields.end(what)
    return (
        ca is not None and der.boolean(ca, what),
        None if length is None else der.small_integer(length, what),
    )


def _check_names(contents: bytes, what: str) -> None:
    """An error unless the contents of a SEQUENCE are well-formed GeneralNames."""
    names = der.Reader(contents)
    while names:
        tag, value, _ = names.next(what)
        fields = der.Reader(value)
        if tag == _OTHER_NAME:
            fields.expect(der.OID, what)
            explicit = der.Reader(fields.expect(der.context(0), what))
            fields.end(what)
            explicit.next(what)
        elif tag == _DIRECTORY_NAME:
            directory = fields.expect(der.SEQUENCE, what)
            fields.end(what)
            name.canonical(directory, what)
        elif tag not in _PLAIN_NAMES and not (tag == _REGISTERED_ID and value):
            raise ValueError(what)


def _check_name_constraints(value: bytes) -> None:
    """An error unless every subtree can be read (RFC 5280 section 4.2.1.10)."""
    what = "nameConstraints"
    fields = der.Reader(_sequence(value, what))
    for number in (0, 1):
        subtrees = der.Reader(fields.optional(der.context(number), what) or b"")
        while subtrees:
            subtree = der.Reader(subtrees.expect(der.SEQUENCE, what))
            _check_names(subtree.next(what)[2], what)
            for bound in (0, 1):
                limit = subtree.optional(der.context_primitive(bound), what)
                if limit is not None:
                    der.integer(limit, what)
            subtree.end(what)
    fields.end(what)


def _check_distribution_points(value: bytes) -> None:
    """An error unless the value is well-formed (RFC 5280 section 4.2.1.13): OpenSSL takes a
    certificate with malformed ones for malformed."""
    what = "cRLDistributionPoints"
    points = der.Reader(_sequence(value, what))
    while points:
        fields = der.Reader(points.expect(der.SEQUENCE, what))
        point = fields.optional(der.context(0), what)
        fields.optional(der.context_primitive(1), what)
        issuer = fields.optional(der.context(2), what)
        fields.end(what)
        if point is not None:
            tag, contents, _ = der.Reader(point).next(what)
            if tag == der.context(0):
                _check_names(contents, what)
            elif tag != der.context(1):
                raise ValueError(what)
        elif not issuer:
            raise ValueError(what)
        if issuer is not None:
            _check_names(issuer, what)
