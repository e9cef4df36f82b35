"""The structures and functions of CryptoAPI that `crypt32` calls, as `ctypes` needs them."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, Structure, c_char_p, c_int32, c_uint32, c_void_p, c_wchar_p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CertContext(Structure):
    _fields_ = [
        ("dwCertEncodingType", c_uint32),
        ("pbCertEncoded", c_void_p),
        ("cbCertEncoded", c_uint32),
        ("pCertInfo", c_void_p),
        ("hCertStore", c_void_p),
    ]


class TrustStatus(Structure):
    _fields_ = [("dwErrorStatus", c_uint32), ("dwInfoStatus", c_uint32)]


class ChainElement(Structure):  # as far as it is read
    _fields_ = [
        ("cbSize", c_uint32),
        ("pCertContext", POINTER(CertContext)),
        ("TrustStatus", TrustStatus),
    ]


class SimpleChain(Structure):  # as far as it is read
    _fields_ = [
        ("cbSize", c_uint32),
        ("TrustStatus", TrustStatus),
        ("cElement", c_uint32),
        ("rgpElement", POINTER(POINTER(ChainElement))),
    ]


class ChainContext(Structure):  # as far as it is read
    _fields_ = [
        ("cbSize", c_uint32),
        ("TrustStatus", TrustStatus),
        ("cChain", c_uint32),
        ("rgpChain", POINTER(POINTER(SimpleChain))),
    ]


class Usage(Structure):
    _fields_ = [("cUsageIdentifier", c_uint32), ("rgpszUsageIdentifier", POINTER(c_char_p))]


class UsageMatch(Structure):
    _fields_ = [("dwType", c_uint32), ("Usage", Usage)]


class StrongSign(Structure):
    _fields_ = [("cbSize", c_uint32), ("dwInfoChoice", c_uint32), ("pszOID", c_char_p)]


class ChainPara(Structure):
    _fields_ = [
        ("cbSize", c_uint32),
        ("RequestedUsage", UsageMatch),
        ("RequestedIssuancePolicy", UsageMatch),
        ("dwUrlRetrievalTimeout", c_uint32),
        ("fCheckRevocationFreshnessTime", c_int32),
        ("dwRevocationFreshnessTime", c_uint32),
        ("pftCacheResync", c_void_p),
        ("pStrongSignPara", POINTER(StrongSign)),
        ("dwStrongSignFlags", c_uint32),
    ]


class HttpsPolicy(Structure):
    _fields_ = [
        ("cbSize", c_uint32),
        ("dwAuthType", c_uint32),
        ("fdwChecks", c_uint32),
        ("pwszServerName", c_wchar_p),
    ]


class PolicyPara(Structure):
    _fields_ = [
        ("cbSize", c_uint32),
        ("dwFlags", c_uint32),
        ("pvExtraPolicyPara", POINTER(HttpsPolicy)),
    ]


class PolicyStatus(Structure):
    _fields_ = [
        ("cbSize", c_uint32),
        ("dwError", c_uint32),
        ("lChainIndex", c_int32),
        ("lElementIndex", c_int32),
        ("pvExtraPolicyStatus", c_void_p),
    ]


class Blob(Structure):
    _fields_ = [("cbData", c_uint32), ("pbData", c_char_p)]


class EngineConfig(Structure):
    _fields_ = [
        ("cbSize", c_uint32),
        ("hRestrictedRoot", c_void_p),
        ("hRestrictedTrust", c_void_p),
        ("hRestrictedOther", c_void_p),
        ("cAdditionalStore", c_uint32),
        ("rghAdditionalStore", c_void_p),
        ("dwFlags", c_uint32),
        ("dwUrlRetrievalTimeout", c_uint32),
        ("MaximumCachedCertificates", c_uint32),
        ("CycleDetectionModulus", c_uint32),
        ("hExclusiveRoot", c_void_p),
        ("hExclusiveTrustedPeople", c_void_p),
        # Came with Windows 8, and Wine refuses it.
        ("dwExclusiveFlags", c_uint32),
    ]


_DWORD, _POINTER, _BOOL = c_uint32, c_void_p, c_int32
#: Each function with its result and its arguments.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "CertOpenStore": (_POINTER, _POINTER, _DWORD, _POINTER, _DWORD, c_wchar_p),
    "CertCloseStore": (_BOOL, _POINTER, _DWORD),
    "CertAddStoreToCollection": (_BOOL, _POINTER, _POINTER, _DWORD, _DWORD),
    "CertAddEncodedCertificateToStore": (
        *(_BOOL, _POINTER, _DWORD, c_char_p, _DWORD, _DWORD, _POINTER),
    ),
    "CertAddEncodedCRLToStore": (_BOOL, _POINTER, _DWORD, c_char_p, _DWORD, _DWORD, _POINTER),
    "CertCreateCertificateContext": (_POINTER, _DWORD, c_char_p, _DWORD),
    "CertSetCertificateContextProperty": (_BOOL, _POINTER, _DWORD, _DWORD, POINTER(Blob)),
    "CertFreeCertificateContext": (_BOOL, _POINTER),
    "CertEnumCertificatesInStore": (POINTER(CertContext), _POINTER, POINTER(CertContext)),
    "CertCreateCertificateChainEngine": (_BOOL, POINTER(EngineConfig), POINTER(_POINTER)),
    "CertFreeCertificateChainEngine": (None, _POINTER),
    "CertGetCertificateChain": (
        *(_BOOL, _POINTER, _POINTER, _POINTER, _POINTER, POINTER(ChainPara), _DWORD, _POINTER),
        POINTER(POINTER(ChainContext)),
    ),
    "CertFreeCertificateChain": (None, POINTER(ChainContext)),
    "CertVerifyCertificateChainPolicy": (
        *(_BOOL, _POINTER, POINTER(ChainContext), POINTER(PolicyPara), POINTER(PolicyStatus)),
    ),
}


def load() -> dict[str, Any]:
    if sys.platform != "win32":
        raise ImportError("crypt32 is a library of Windows")
    library = ctypes.WinDLL("crypt32", use_last_error=True)
    found = {}
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        found[name] = function
    return found
