"""The roots that macOS trusts, listed for humans and for export. Verification asks the system and
never this list.

What a user has set overrides what an administrator has, and that the system's own settings. Other
Apple systems have no such lists.
"""

from __future__ import annotations

from .security_calls import CallFailed, Frameworks, References, frameworks
from .security_codes import os_text

#: What the store that holds the roots is called.
STORE = "the system keychains"

#: The first overrides the others. `SecTrustSettingsDomain` counts in this order.
_DOMAINS = ("user", "administrator", "system")
_NO_TRUST_SETTINGS = -25263  # errSecNoTrustSettings
# SecTrustSettingsResult.
_INVALID, _TRUST_ROOT, _TRUST_AS_ROOT, _UNSPECIFIED = 0, 1, 2, 4


def list_roots() -> tuple[list[bytes], list[str]]:
    """The certificates that the trust settings make roots for TLS servers, in DER, and the
    problems."""
    found: dict[bytes, int] = {}
    problems: list[str] = []
    try:
        api = frameworks()
    except CallFailed as failed:
        return [], [_in_words("the trust settings", failed)]
    if not api.lists_settings:
        return [], ["this system does not list its roots"]
    for domain, whose in enumerate(_DOMAINS):
        try:
            for der, result in _domain(api, domain, problems):
                found.setdefault(der, result)
        except CallFailed as failed:
            problems.append(_in_words(f"the trust settings of the {whose}", failed))
    trusted = (_TRUST_ROOT, _TRUST_AS_ROOT)
    return [der for der, result in found.items() if result in trusted], problems


def _domain(api: Frameworks, domain: int, problems: list[str]) -> list[tuple[bytes, int]]:
    """The certificates of a domain, each with the result of its settings. Settings that cannot be
    read make no root, not even one of another domain: they may be what forbids it."""
    found = []
    with References(api) as references:
        place = api.place()
        status = api.SecTrustSettingsCopyCertificates(domain, place)
        if status == _NO_TRUST_SETTINGS:
            return []
        references.check("SecTrustSettingsCopyCertificates", status)
        certificates = references.created("SecTrustSettingsCopyCertificates", place.value)
        for index in range(api.CFArrayGetCount(certificates)):
            certificate = api.CFArrayGetValueAtIndex(certificates, index)
            try:
                der = _der(api, certificate)
            except CallFailed as failed:
                problems.append(_in_words("a certificate with trust settings", failed))
                continue
            try:
                found.append((der, _setting(api, certificate, domain)))
            except CallFailed as failed:
                found.append((der, _INVALID))
                problems.append(_in_words("the trust settings of a certificate", failed))
    return found


def _der(api: Frameworks, certificate: int | None) -> bytes:
    with References(api) as references:
        data = api.SecCertificateCopyData(certificate) if certificate else None
        der = references.bytes_of(references.created("SecCertificateCopyData", data))
        if not der:
            raise CallFailed("SecCertificateCopyData")
        return der


def _setting(api: Frameworks, certificate: int, domain: int) -> int:
    """What the settings of a certificate come to for TLS servers."""
    with References(api) as references:
        place = api.place()
        status = api.SecTrustSettingsCopyTrustSettings(certificate, domain, place)
        references.check("SecTrustSettingsCopyTrustSettings", status)
        settings = references.created("SecTrustSettingsCopyTrustSettings", place.value)
        policy_key = references.string("kSecTrustSettingsPolicyName")
        result_key = references.string("kSecTrustSettingsResult")
        for index in range(api.CFArrayGetCount(settings)):
            usage = api.CFArrayGetValueAtIndex(settings, index)
            policy = api.CFDictionaryGetValue(usage, policy_key) if usage else None
            if policy and not _is_for_servers(api, references, policy):
                continue
            result = _result(api, api.CFDictionaryGetValue(usage, result_key)) if usage else 0
            if result not in (_INVALID, _UNSPECIFIED):
                return result
        # No settings for TLS: always trusted.
        return _TRUST_ROOT


def _is_for_servers(api: Frameworks, references: References, policy: int) -> bool:
    is_string = api.CFGetTypeID(policy) == api.CFStringGetTypeID()
    return is_string and references.text_of(policy) == "sslServer"


def _result(api: Frameworks, number: int | None) -> int:
    """A usage without a result makes a root."""
    if not number:
        return _TRUST_ROOT
    if api.CFGetTypeID(number) != api.CFNumberGetTypeID():
        return _INVALID
    return api.number(number) or _INVALID


def _in_words(what: str, failed: CallFailed) -> str:
    text = os_text(failed.text)
    reason = f"{failed.call} failed" + (f": {text}" if text else "")
    return f"{what} cannot be read: {reason}" + (f" ({failed.code})" if failed.code else "")
