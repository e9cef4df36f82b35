"""Reading certificates (RFC 5280 section 4): just the fields that decide about trust, as the core.

Signatures are not verified here. What cannot be read raises ValueError with the name of the field.
"""

from __future__ import annotations

from .. import _der as der
from .. import _name as name
from .._times import seconds
from . import extensions, key
from .extensions import Extensions
from .purpose import SERVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_CA_ISSUERS = bytes.fromhex("2b06010505073002")
_DNS_NAME, _ADDRESS = der.context_primitive(2), der.context_primitive(7)


class Certificate:
    """A certificate that has been read.

    issuer, subject -- contents of the Name's SEQUENCE
    not_before, not_after -- seconds since 1970 UTC; negative before
    signature_algorithm, spki -- contents of the SEQUENCE
    """

    __slots__ = (
        "der",
        "extensions",
        "issuer",
        "not_after",
        "not_before",
        "serial",
        "signature_algorithm",
        "spki",
        "subject",
        "version",
    )

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded
        outer = der.Reader(encoded)
        whole = der.Reader(outer.expect(der.SEQUENCE, "certificate"))
        outer.end("data after the certificate")
        fields = der.Reader(whole.expect(der.SEQUENCE, "tbsCertificate"))
        self.signature_algorithm = whole.expect(der.SEQUENCE, "signatureAlgorithm")
        der.octets(whole.expect(der.BIT_STRING, "signature"), "signature")
        whole.end("data after the signature")

        self.version = _version(fields)
        self.serial = der.integer(fields.expect(der.INTEGER, "serialNumber"), "serialNumber")
        fields.expect(der.SEQUENCE, "signature algorithm")
        self.issuer = _name(fields, "issuer")
        validity = der.Reader(fields.expect(der.SEQUENCE, "validity"))
        self.not_before = _time(validity, "notBefore")
        self.not_after = _time(validity, "notAfter")
        validity.end("validity")
        self.subject = _name(fields, "subject")
        self.spki = fields.expect(der.SEQUENCE, "subjectPublicKeyInfo")
        # Section 4.1.2.8: CAs must not write unique identifiers, readers should read over them.
        fields.optional(der.context_primitive(1), "issuerUniqueID")
        fields.optional(der.context_primitive(2), "subjectUniqueID")
        explicit = fields.optional(der.context(3), "extensions")
        self.extensions = Extensions() if explicit is None else Extensions.read(explicit)
        fields.end("data after the extensions")

    def is_self_issued(self) -> bool:
        """Whether the certificate names itself as its issuer (RFC 5280 section 3.2)."""
        return name.same(self.issuer, self.subject)

    def is_self_signed(self) -> bool:
        """Whether it names itself as its issuer and its own key as the signing one."""
        return (
            self.is_self_issued()
            and self._names_as_issuer(self)
            and key.can_sign(self.spki, self.signature_oid())
        )

    def names_another_key_than(self, issuer: Certificate) -> bool:
        """Whether the key identifiers of the two say that `issuer`'s key is not the one that signed
        this certificate (RFC 5280 section 4.2.1.1). Missing identifiers say nothing."""
        wanted, had = self.extensions.authority_key_id, issuer.extensions.subject_key_id
        return wanted is not None and had is not None and wanted != had

    def _names_as_issuer(self, issuer: Certificate) -> bool:
        serial, names = self.extensions.authority_serial, self.extensions.authority_issuer
        return (
            not self.names_another_key_than(issuer)
            and (serial is None or serial == issuer.serial)
            and (names is None or name.same(names, issuer.issuer))
        )

    def is_ca(self) -> bool:
        """Whether it may issue certificates according to basicConstraints."""
        constraints = self.extensions.basic_constraints
        return constraints is not None and constraints[0]

    def is_anchor_ca(self) -> bool:
        """Whether it may issue certificates as a trust anchor: OpenSSL takes an old sign of a CA
        there for basicConstraints."""
        read = self.extensions
        if read.basic_constraints is not None or not self.key_usage_allows(
            extensions.KEY_CERT_SIGN
        ):
            return self.is_ca()
        if self.version == 1 and self.is_self_signed():
            return True
        if read.key_usage is not None:
            return True
        return bool((read.netscape_type or 0) & extensions.NETSCAPE_TLS_CA)

    def path_length(self) -> int | None:
        constraints = self.extensions.basic_constraints
        return None if constraints is None else constraints[1]

    def key_usage_allows(self, bits: int) -> bool:
        """Whether key usage is absent or has one of these bits (RFC 5280 section 4.2.1.3)."""
        usage = self.extensions.key_usage
        return usage is None or bool(usage & bits)

    def extended_key_usage_allows(self, purpose: str) -> bool:
        """Whether extended key usage is absent or lists the purpose (RFC 5280 section 4.2.1.12).
        `anyExtendedKeyUsage` alone is not enough, as in OpenSSL."""
        usages = self.extensions.extended_key_usage
        return usages is None or any(usage in extensions.PURPOSES[purpose] for usage in usages)

    def leaf_purpose_allows(self, purpose: str) -> bool:
        """Whether key usage and extended key usage allow an end entity this purpose. The bits are
        those of OpenSSL's `X509_PURPOSE_SSL_SERVER` and `_SSL_CLIENT`."""
        bits = extensions.DIGITAL_SIGNATURE | extensions.KEY_AGREEMENT
        netscape = extensions.NETSCAPE_CLIENT
        if purpose == SERVER:
            bits |= extensions.KEY_ENCIPHERMENT
            netscape = extensions.NETSCAPE_SERVER
        kind = self.extensions.netscape_type
        return (
            self.extended_key_usage_allows(purpose)
            and self.key_usage_allows(bits)
            and (kind is None or bool(kind & netscape))
        )

    def presented_names(self) -> list[str]:
        """The DNS names and IP addresses of subjectAltName, as text."""
        found = []
        for tag, value in der.elements(self.extensions.subject_alt_name or b""):
            if tag == _DNS_NAME:
                found.append(name.shown(value.decode("utf-8", "replace")))
            elif tag == _ADDRESS:
                address = _address(value)
                if address is not None:
                    found.append(str(address))
        return found

    def is_for(self, peer: str) -> bool:
        """Whether the certificate is for this DNS name or IP address. The common name is not
        compared (RFC 9525 section 2)."""
        wanted = packed(peer)
        for tag, value in der.elements(self.extensions.subject_alt_name or b""):
            if wanted is not None:
                if tag == _ADDRESS and value == wanted:
                    return True
            elif tag == _DNS_NAME and name.matches(value, without_dot(peer).encode("ascii")):
                return True
        return False

    def common_name(self) -> str | None:
        """The last common name of the subject, as OpenSSL takes it."""
        last = None
        for oid, value in name.attributes(self.subject):
            if oid == name.COMMON_NAME:
                last = value
        return last

    def ca_issuers_url(self) -> str | None:
        """Where the issuer's certificate is available: the first caIssuers URL (RFC 5280 section
        4.2.2.1). Nothing is fetched; it is a hint for humans."""
        for _, description in der.elements(self.extensions.authority_info_access or b""):
            fields = der.Reader(description)
            try:
                method = fields.expect(der.OID, "")
                tag, location, _ = fields.next("")
            except ValueError:
                continue
            if method == _CA_ISSUERS and tag == der.context_primitive(6):
                return name.shown(location.decode("utf-8", "replace"))
        return None

    def weakness(self) -> tuple[str, int] | None:
        """Why the public key is not accepted: "Short" and its bits, or "Kind"."""
        return key.weakness(self.spki)

    def key_text(self) -> str:
        """What kind of key is not accepted, after "it has"."""
        return key.describe(self.spki)

    def signature_oid(self) -> str:
        """The signature algorithm, dotted; empty if it cannot be read."""
        try:
            return der.dotted(der.Reader(self.signature_algorithm).expect(der.OID, ""))
        except ValueError:
            return ""

    def subject_text(self) -> str:
        return name.text(self.subject)

    def issuer_text(self) -> str:
        return name.text(self.issuer)


def read(encoded: bytes) -> Certificate | None:
    """The certificate, or None if it cannot be read."""
    try:
        return Certificate(encoded)
    except ValueError:
        return None


def subject_of(encoded: bytes) -> bytes:
    """The subject (contents of the Name), with as little reading as possible."""
    return _from_subject(encoded).expect(der.SEQUENCE, "certificate")


def subject_and_key_of(encoded: bytes) -> tuple[bytes, bytes] | None:
    """Subject and key (contents of the SubjectPublicKeyInfo) of a certificate that may be malformed
    elsewhere; None if these cannot be read."""
    try:
        fields = _from_subject(encoded)
        return fields.expect(der.SEQUENCE, ""), fields.expect(der.SEQUENCE, "")
    except ValueError:
        return None


def _from_subject(encoded: bytes) -> der.Reader:
    """The fields of a certificate from its subject on."""
    outer = der.Reader(encoded)
    fields = der.Reader(der.Reader(outer.expect(der.SEQUENCE, "")).expect(der.SEQUENCE, ""))
    fields.optional(der.context(0), "")
    for _ in range(4):  # serialNumber, signature, issuer, validity
        fields.next("")
    return fields


def without_dot(peer: str) -> str:
    """A final dot means the root of DNS and nothing else: certificates are without."""
    return peer[:-1] if peer.endswith(".") else peer


def packed(peer: str) -> bytes | None:
    """The octets of an IP address, None if the name is no address."""
    import ipaddress

    try:
        return ipaddress.ip_address(peer).packed
    except ValueError:
        return None


def _address(value: bytes) -> IPv4Address | IPv6Address | None:
    import ipaddress

    if len(value) not in (4, 16):
        return None
    return ipaddress.ip_address(value)


def _version(fields: der.Reader) -> int:
    """RFC 5280 section 4.1.2.1: 1 where it is absent, as its default. As people count."""
    explicit = fields.optional(der.context(0), "version")
    if explicit is None:
        return 1
    inner = der.Reader(explicit)
    number = der.integer(inner.expect(der.INTEGER, "version"), "version")
    inner.end("version")
    if number == b"\0":
        return 1
    # As OpenSSL reads later versions, which do not exist, and negative ones.
    return 2 if number == b"\1" or number[0] & 0x80 else 3


def _name(fields: der.Reader, what: str) -> bytes:
    """The contents of a Name that can be compared with others."""
    contents = fields.expect(der.SEQUENCE, what)
    name.canonical(contents, what)
    return contents


def _time(reader: der.Reader, what: str) -> int:
    """A time in the form that its tag says (RFC 5280 section 4.1.2.5)."""
    tag, value, _ = reader.next(what)
    if len(value) != {der.UTC_TIME: 13, der.GENERALIZED_TIME: 15}.get(tag):
        raise ValueError(what)
    return seconds(value, what)
