"""What a verdict of Windows means: the core's tables of bits and codes, and what follows from them.

Sources: CERT_TRUST_STATUS and CertVerifyCertificateChainPolicy on learn.microsoft.com.
"""

from __future__ import annotations

from . import checks
from .extensions import KEY_CERT_SIGN
from .question import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .certificate import Certificate

IS_NOT_TIME_VALID = 0x1
IS_NOT_SIGNATURE_VALID = 0x8
IS_NOT_VALID_FOR_USAGE = 0x10
IS_REVOKED = 0x4
IS_UNTRUSTED_ROOT = 0x20
REVOCATION_STATUS_UNKNOWN = 0x40
INVALID_EXTENSION = 0x100
INVALID_BASIC_CONSTRAINTS = 0x400
IS_PARTIAL_CHAIN = 0x10000
HAS_WEAK_SIGNATURE = 0x100000
IS_OFFLINE_REVOCATION = 0x1000000
IS_EXPLICIT_DISTRUST = 0x4000000

_NO_PATH = IS_PARTIAL_CHAIN | IS_UNTRUSTED_ROOT
_UNKNOWN_REVOCATION = REVOCATION_STATUS_UNKNOWN | IS_OFFLINE_REVOCATION

#: Every error bit of wincrypt.h, with its name without `CERT_TRUST_`. Of several bits the first of
#: this list gives the kind of error: what is final, then the missing path, then what is wrong with
#: a certificate, and last what is merely not known.
TRUST_BITS = (
    (0x4000000, "IS_EXPLICIT_DISTRUST", "Distrusted"),
    (0x4, "IS_REVOKED", "Revoked"),
    (0x10000, "IS_PARTIAL_CHAIN", "UnknownIssuer"),
    (0x20, "IS_UNTRUSTED_ROOT", "UntrustedRoot"),
    (0x8, "IS_NOT_SIGNATURE_VALID", "BadSignature"),
    (0x8000, "HAS_EXCLUDED_NAME_CONSTRAINT", "NameConstraints"),
    (0x4000, "HAS_NOT_PERMITTED_NAME_CONSTRAINT", "NameConstraints"),
    (0x800, "INVALID_NAME_CONSTRAINTS", "NameConstraints"),
    (0x1000, "HAS_NOT_SUPPORTED_NAME_CONSTRAINT", "NameConstraints"),
    (0x2000, "HAS_NOT_DEFINED_NAME_CONSTRAINT", "NameConstraints"),
    (0x1, "IS_NOT_TIME_VALID", "Expired"),
    (0x10, "IS_NOT_VALID_FOR_USAGE", "WrongPurpose"),
    (0x400, "INVALID_BASIC_CONSTRAINTS", "NotACa"),
    (0x8000000, "HAS_NOT_SUPPORTED_CRITICAL_EXT", "UnknownCriticalExtension"),
    (0x100000, "HAS_WEAK_SIGNATURE", "UnsupportedAlgorithm"),
    (0x100, "INVALID_EXTENSION", "BadEncoding"),
    (0x200000, "HAS_WEAK_HYGIENE", "NotStandardsCompliant"),
    (0x2, "IS_NOT_TIME_NESTED", "NotStandardsCompliant"),
    (0x200, "INVALID_POLICY_CONSTRAINTS", "NotStandardsCompliant"),
    (0x2000000, "NO_ISSUANCE_CHAIN_POLICY", "NotStandardsCompliant"),
    (0x80, "IS_CYCLIC", "ChainTooComplex"),
    (0x20000, "CTL_IS_NOT_TIME_VALID", "CannotCheck"),
    (0x40000, "CTL_IS_NOT_SIGNATURE_VALID", "CannotCheck"),
    (0x80000, "CTL_IS_NOT_VALID_FOR_USAGE", "CannotCheck"),
    (0x40, "REVOCATION_STATUS_UNKNOWN", "RevocationUnknown"),
    (0x1000000, "IS_OFFLINE_REVOCATION", "RevocationUnknown"),
)
#: The codes that the SSL policy, chain building and decoding give, with their names in winerror.h.
#: Anything else is "CannotCheck".
CODES = {
    0x800B0100: ("TRUST_E_NOSIGNATURE", "BadSignature"),
    0x800B0101: ("CERT_E_EXPIRED", "Expired"),
    0x800B0102: ("CERT_E_VALIDITYPERIODNESTING", "NotStandardsCompliant"),
    0x800B0103: ("CERT_E_ROLE", "NotACa"),
    0x800B0104: ("CERT_E_PATHLENCONST", "PathLengthExceeded"),
    0x800B0105: ("CERT_E_CRITICAL", "UnknownCriticalExtension"),
    0x800B0106: ("CERT_E_PURPOSE", "WrongPurpose"),
    0x800B0107: ("CERT_E_ISSUERCHAINING", "NotStandardsCompliant"),
    0x800B0108: ("CERT_E_MALFORMED", "BadEncoding"),
    0x800B0109: ("CERT_E_UNTRUSTEDROOT", "UntrustedRoot"),
    0x800B010A: ("CERT_E_CHAINING", "UnknownIssuer"),
    0x800B010B: ("TRUST_E_FAIL", "CannotCheck"),
    0x800B010C: ("CERT_E_REVOKED", "Revoked"),
    0x800B010D: ("CERT_E_UNTRUSTEDTESTROOT", "UntrustedRoot"),
    0x800B010E: ("CERT_E_REVOCATION_FAILURE", "RevocationUnknown"),
    0x800B010F: ("CERT_E_CN_NO_MATCH", "NameMismatch"),
    0x800B0110: ("CERT_E_WRONG_USAGE", "WrongPurpose"),
    0x800B0111: ("TRUST_E_EXPLICIT_DISTRUST", "Distrusted"),
    0x800B0112: ("CERT_E_UNTRUSTEDCA", "Distrusted"),
    0x800B0113: ("CERT_E_INVALID_POLICY", "NotStandardsCompliant"),
    0x800B0114: ("CERT_E_INVALID_NAME", "NameConstraints"),
    0x80092010: ("CRYPT_E_REVOKED", "Revoked"),
    0x80092011: ("CRYPT_E_NO_REVOCATION_DLL", "RevocationUnknown"),
    0x80092012: ("CRYPT_E_NO_REVOCATION_CHECK", "RevocationUnknown"),
    0x80092013: ("CRYPT_E_REVOCATION_OFFLINE", "RevocationUnknown"),
    0x80092014: ("CRYPT_E_NOT_IN_REVOCATION_DATABASE", "RevocationUnknown"),
    0x80096001: ("TRUST_E_SYSTEM_ERROR", "CannotCheck"),
    0x80096004: ("TRUST_E_CERT_SIGNATURE", "BadSignature"),
    0x80096019: ("TRUST_E_BASIC_CONSTRAINTS", "NotACa"),
    0x80090008: ("NTE_BAD_ALGID", "UnsupportedAlgorithm"),
    0x80093102: ("CRYPT_E_ASN1_EOD", "BadEncoding"),
    0x8009310B: ("CRYPT_E_ASN1_BADTAG", "BadEncoding"),
}
_KNOWN_BITS = sum(bit for bit, _, _ in TRUST_BITS)


def code_kind(code: int) -> str | None:
    """The kind of fault a code stands for; None for success."""
    return None if code == 0 else CODES.get(code, ("", "CannotCheck"))[1]


def code_name(code: int) -> str:
    """The name of a code in winerror.h; empty if it is none of those known here."""
    return CODES.get(code, ("", ""))[0]


class Status:
    """What Windows found about one chain.

    chain -- `dwErrorStatus` of the chain
    elements -- `dwErrorStatus` of every certificate of the chain, end entity first
    policy -- `dwError` of the SSL policy; 0 if it is content
    policy_element -- the certificate the SSL policy blames; None where it blames none
    """

    __slots__ = ("chain", "elements", "policy", "policy_element")

    def __init__(
        self, chain: int, elements: Sequence[int], policy: int, policy_element: int | None
    ) -> None:
        self.chain, self.elements = chain, elements
        self.policy, self.policy_element = policy, policy_element

    def bits(self) -> int:
        found = self.chain
        for element in self.elements:
            found |= element
        return found

    def _depth_of(self, bit: int) -> int | None:
        return next((at for at, bits in enumerate(self.elements) if bits & bit), None)

    def only_lacks_a_root(self) -> bool:
        """Whether the verdict is that no path to a trusted root exists, and nothing that is final:
        only then may the caller's own roots be asked."""
        bits = self.bits()
        return (
            bool(bits & _NO_PATH)
            and not bits & (IS_REVOKED | IS_EXPLICIT_DISTRUST)
            and code_kind(self.policy) not in ("Revoked", "Distrusted")
        )

    def _bit_names(self) -> str:
        bits = self.bits()
        names = [f"CERT_TRUST_{name}" for bit, name, _ in TRUST_BITS if bits & bit]
        unknown = bits & ~_KNOWN_BITS
        if unknown:
            names.append(f"{unknown:#x}")
        return " | ".join(names)

    def code(self) -> tuple[int, str]:
        """The number to report, and the name that goes with it: the policy's code, or else the
        bits."""
        names = self._bit_names()
        if self.policy == 0:
            return self.bits(), names
        name = code_name(self.policy)
        return self.policy, f"{name} ({names})" if names else name

    def verdict(
        self, certs: Sequence[Certificate | None], ignored: int, time: float
    ) -> Fault | None:
        """Trusted only if the SSL policy is content **and** the chain has no error bit besides the
        ignored ones: the policy alone overlooks some, depending on the version of Windows.

        `certs` are those of the chain as far as they can be read, end entity first.
        """
        bits = self.bits() & ~ignored
        for bit, _, kind in TRUST_BITS:
            if bits & bit:
                return self._explain(bit, kind, certs, time)
        if bits & ~_KNOWN_BITS:
            return Fault("CannotCheck", cause="UnknownTrustBits", bits=bits & ~_KNOWN_BITS)
        policy = code_kind(self.policy)
        if policy is None:
            return None
        if policy == "UntrustedRoot" and len(certs) == 1:
            policy = "SelfSignedLeaf"
        depth = self.policy_element
        if depth is None and policy == "NameMismatch":
            depth = 0
        return Fault(policy, depth)

    def _explain(
        self, bit: int, kind: str, certs: Sequence[Certificate | None], time: float
    ) -> Fault:
        last = max(len(self.elements) - 1, 0)
        depth = last if bit in (IS_PARTIAL_CHAIN, IS_UNTRUSTED_ROOT) else self._depth_of(bit)
        cert = certs[depth] if depth is not None and depth < len(certs) else None
        fault = None
        if bit == IS_UNTRUSTED_ROOT:
            fault = None if last else Fault("SelfSignedLeaf")
        elif cert is None:
            pass
        elif bit == IS_NOT_TIME_VALID:
            fault = checks.validity(cert, time)
        elif bit == IS_PARTIAL_CHAIN:
            fault = checks.missing_path(cert, last)
        # One bit for two faults: not a CA, or too many intermediates below it.
        elif bit == INVALID_BASIC_CONSTRAINTS and cert.is_ca():
            fault = Fault("PathLengthExceeded")
        # One bit for the usages of all certificates and for keyCertSign of CAs.
        elif bit == IS_NOT_VALID_FOR_USAGE and depth and not cert.key_usage_allows(KEY_CERT_SIGN):
            fault = Fault("KeyUsage")
        elif bit == INVALID_EXTENSION and cert.extensions.unknown_critical is not None:
            fault = Fault("UnknownCriticalExtension")
        # One bit for weak hashes and for weak keys.
        elif bit == HAS_WEAK_SIGNATURE:
            fault = checks.strength(cert, False)
        fault = fault or Fault(kind)
        return fault if depth is None else fault.at(depth)

    def revocation(self, requested: str) -> str:
        """For which certificates a revocation status was found, when `requested` ones were asked
        for. The last certificate is the trust anchor, which is not asked about."""
        known = [not bits & _UNKNOWN_REVOCATION for bits in self.elements]
        if requested == "off" or not known or not known[0]:
            return "off"
        # Bits of the chain that no certificate has: it is not clear what is unknown.
        if all(known) and self.chain & _UNKNOWN_REVOCATION:
            return "off"
        return "chain" if requested == "chain" and all(known[:-1]) else "leaf"


def ignored_bits(revocation: str, unknown: str) -> int:
    """The bits that the caller's policy allows a chain to have."""
    return 0 if revocation == "off" or unknown == "reject" else _UNKNOWN_REVOCATION


def chain_flags(purpose: str, revocation: str) -> int:
    """`dwFlags` of `CertGetCertificateChain`. A server must not open connections because a client's
    certificate says so, and nothing is fetched for revocation."""
    cache_end_cert, disable_aia, cache_only = 0x1, 0x2000, 0x80000000
    check = {"off": 0, "leaf": 0x10000000, "chain": 0x40000000}[revocation]
    return cache_end_cert | (0 if purpose == "server" else disable_aia) | check | cache_only


def policy_flags(revocation: str, unknown: str) -> int:
    """`dwFlags` of the policy: what it must not count as an error."""
    return 0xF00 if ignored_bits(revocation, unknown) else 0


def file_time(time: float) -> int | None:
    """A `FILETIME`, 100 ns since 1601; None for times it cannot hold."""
    ticks = (int(time) + 11_644_473_600) * 10_000_000
    # Windows takes the number as a signed one in places.
    return ticks if 0 <= ticks < 2**63 else None
