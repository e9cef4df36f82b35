"""The calls of CryptoAPI by way of `ctypes`, with an owner for each handle.

What a call is given is kept in a name until it has returned: `ctypes` holds a pointer to it, and no
more. A call that fails raises `SystemFailure`.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_void_p, sizeof

from .crypt32_table import (
    Blob,
    CertContext,
    ChainContext,
    ChainPara,
    EngineConfig,
    HttpsPolicy,
    PolicyPara,
    PolicyStatus,
    StrongSign,
    Usage,
    UsageMatch,
    load,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

_X509_AND_PKCS7, _X509 = 0x10001, 0x1
_PROVIDER_MEMORY, _PROVIDER_SYSTEM, _PROVIDER_COLLECTION = 2, 10, 11
_CURRENT_USER, _READ_ONLY = 0x10000, 0x8000
_ADD_ALWAYS = 4
_POLICY_SSL = 4
_AUTHTYPE = {"client": 1, "server": 2}
_USAGE_MATCH_TYPE_AND = 0
_STRONG_SIGN_OID_INFO_CHOICE = 2
_STRONG_SIGN_OS_1 = b"1.3.6.1.4.1.311.72.1.1"
_EXCLUSIVE_ENABLE_CA_FLAG = 1
_IGNORE_CERT_CN_INVALID = 0x1000
_OCSP_RESPONSE_PROPERTY = 70
#: Most milliseconds for fetching an issuer's certificate. Windows' own default is 15 s.
_FETCH_TIMEOUT_MS = 5_000
_NO_TEXT = "<no description>"

E_INVALIDARG = 0x80070057


class SystemFailure(Exception):
    """A call failed: nothing was decided."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code & 0xFFFFFFFF


_call = load()


def _failure() -> SystemFailure:
    if sys.platform != "win32":
        return SystemFailure(E_INVALIDARG)
    return SystemFailure(ctypes.get_last_error())


def _check(ok: int) -> None:
    """The one place where the BOOL of a call becomes an exception."""
    if not ok:
        raise _failure()


class _Owned:
    """A handle that is freed once."""

    __slots__ = ("_free", "value")

    def __init__(self, value: Any, free: Callable[[Any], Any]) -> None:
        if not value:
            raise _failure()
        self.value, self._free = value, free

    def __del__(self) -> None:
        free = getattr(self, "_free", None)  # absent where nothing was opened
        if free is not None:
            free(self.value)


class Store(_Owned):
    """A store of certificates and CRLs, in memory unless it is the system's or a collection."""

    __slots__ = ()

    def __init__(
        self, provider: int = _PROVIDER_MEMORY, flags: int = 0, name: str | None = None
    ) -> None:
        close = _call["CertCloseStore"]
        handle = _call["CertOpenStore"](provider, 0, None, flags, name)
        super().__init__(handle, lambda value: close(value, 0))

    @classmethod
    def root(cls) -> Store:
        """The current user's ROOT as it is now, which includes the machine's."""
        return cls(_PROVIDER_SYSTEM, _CURRENT_USER | _READ_ONLY, "ROOT")

    @classmethod
    def collection(cls, *stores: Store) -> Store:
        """Stores seen as one, without copying."""
        out = cls(_PROVIDER_COLLECTION)
        for store in stores:  # of which the collection takes its own reference
            _check(_call["CertAddStoreToCollection"](out.value, store.value, 0, 0))
        return out

    def add(self, encoded: bytes) -> None:
        """Adds a certificate."""
        _check(
            _call["CertAddEncodedCertificateToStore"](
                self.value, _X509_AND_PKCS7, encoded, len(encoded), _ADD_ALWAYS, None
            )
        )

    def add_crl(self, encoded: bytes) -> None:
        _check(
            _call["CertAddEncodedCRLToStore"](
                self.value, _X509, encoded, len(encoded), _ADD_ALWAYS, None
            )
        )

    def certificates(self) -> Iterator[bytes]:
        """Every certificate in DER."""
        following = _call["CertEnumCertificatesInStore"]
        context = following(self.value, None)
        try:
            while context:
                yield _der(context.contents)
                # It frees the one before, also if an interrupt comes before it is assigned.
                previous, context = context, None
                context = following(self.value, previous)
        finally:
            if context:
                _call["CertFreeCertificateContext"](context)


class _Context(_Owned):
    """A certificate as Windows has read it."""

    __slots__ = ()

    def __init__(self, encoded: bytes) -> None:
        create = _call["CertCreateCertificateContext"]
        super().__init__(
            create(_X509_AND_PKCS7, encoded, len(encoded)), _call["CertFreeCertificateContext"]
        )

    def staple(self, response: bytes) -> None:
        """Puts an OCSP response where Windows looks for it. Windows copies it."""
        blob = Blob(cbData=len(response), pbData=response)
        set_property = _call["CertSetCertificateContextProperty"]
        _check(set_property(self.value, _OCSP_RESPONSE_PROPERTY, 0, byref(blob)))


class ChainEngine(_Owned):
    """An engine that trusts the certificates of a store and nothing else."""

    __slots__ = ()

    def __init__(self, roots: Store, *, cross_signed: bool) -> None:
        handle = None
        if cross_signed:
            # Without the flag only self-signed certificates anchor, with it any CA given. Where the
            # flag is not known such a root stays without effect: refused, not trusted.
            try:
                handle = self._create(roots, sizeof(EngineConfig), _EXCLUSIVE_ENABLE_CA_FLAG)
            except SystemFailure as failure:
                if failure.code != E_INVALIDARG:
                    raise
        if handle is None:
            handle = self._create(roots, EngineConfig.dwExclusiveFlags.offset, 0)
        super().__init__(handle, _call["CertFreeCertificateChainEngine"])

    @staticmethod
    def _create(roots: Store, size: int, flags: int) -> int | None:
        config = EngineConfig(
            cbSize=size,
            dwUrlRetrievalTimeout=_FETCH_TIMEOUT_MS,
            hExclusiveRoot=roots.value,
            dwExclusiveFlags=flags,
        )
        out = c_void_p()
        # The engine takes its own reference to the store.
        _check(_call["CertCreateCertificateChainEngine"](byref(config), byref(out)))
        return out.value


class Asked:
    """A chain in the terms of Windows, to be asked about once or twice.

    others -- certificates the peer sent
    known -- certificates and CRLs of the caller's
    name -- without a final dot
    """

    def __init__(
        self,
        leaf: bytes,
        others: Sequence[bytes],
        known: Store,
        time: int,
        name: str | None,
        purpose: str,
        usage: str,
        ocsp_response: bytes = b"",
    ) -> None:
        self._leaf = _Context(leaf)
        if ocsp_response:
            self._leaf.staple(ocsp_response)
        self._sent = Store()
        for encoded in others:
            try:
                self._sent.add(encoded)
            except SystemFailure:
                pass  # what Windows cannot read is of no use in a path and does no harm
        self._help = Store.collection(self._sent, known)
        self._time = ctypes.c_uint64(time)
        self._name, self._purpose, self._usage = name, purpose, usage

    def chain(self, engine: ChainEngine | None, flags: int) -> Chain:
        """The chain as Windows builds it, with an engine or the current user's."""
        usage = (c_char_p * 1)(self._usage.encode("ascii"))
        strong = StrongSign(
            cbSize=sizeof(StrongSign),
            dwInfoChoice=_STRONG_SIGN_OID_INFO_CHOICE,
            pszOID=_STRONG_SIGN_OS_1,
        )
        para = ChainPara(
            cbSize=sizeof(ChainPara),
            RequestedUsage=UsageMatch(_USAGE_MATCH_TYPE_AND, Usage(1, usage)),
            dwUrlRetrievalTimeout=_FETCH_TIMEOUT_MS,
            pStrongSignPara=ctypes.pointer(strong),
        )
        out = POINTER(ChainContext)()
        _check(
            _call["CertGetCertificateChain"](
                None if engine is None else engine.value,
                self._leaf.value,
                byref(self._time),
                self._help.value,
                byref(para),
                flags,
                None,
                byref(out),
            )
        )
        return Chain(out)

    def policy(self, chain: Chain, flags: int) -> tuple[int, int | None]:
        """The SSL policy's error code, 0 for none, and the certificate it blames."""
        https = HttpsPolicy(
            cbSize=sizeof(HttpsPolicy),
            dwAuthType=_AUTHTYPE[self._purpose],
            # Without a name there is nothing to compare; everything else is still checked.
            fdwChecks=_IGNORE_CERT_CN_INVALID if self._name is None else 0,
            pwszServerName=self._name,
        )
        para = PolicyPara(
            cbSize=sizeof(PolicyPara), dwFlags=flags, pvExtraPolicyPara=ctypes.pointer(https)
        )
        status = PolicyStatus(cbSize=sizeof(PolicyStatus), lElementIndex=-1)
        # FALSE: the policy could not be checked, whatever the status says.
        _check(
            _call["CertVerifyCertificateChainPolicy"](
                _POLICY_SSL, chain.value, byref(para), byref(status)
            )
        )
        element = int(status.lElementIndex)
        return int(status.dwError), element if element >= 0 else None


class Chain(_Owned):
    """A chain that Windows has built."""

    __slots__ = ()

    def __init__(self, context: Any) -> None:
        if not context:
            raise SystemFailure(E_INVALIDARG)
        super().__init__(context, _call["CertFreeCertificateChain"])

    def read(self) -> tuple[list[bytes], int, list[int]]:
        """The certificates in DER, the error bits of the chain, and theirs."""
        context = self.value.contents
        # More than one only where a signed list of roots is given by the caller, which it is not.
        if context.cChain != 1 or not context.rgpChain or not context.rgpChain[0]:
            raise SystemFailure(E_INVALIDARG)
        simple = context.rgpChain[0].contents
        certs, bits = [], []
        for at in range(simple.cElement):
            element = simple.rgpElement[at]
            if not element or not element.contents.pCertContext:
                raise SystemFailure(E_INVALIDARG)
            certs.append(_der(element.contents.pCertContext.contents))
            bits.append(int(element.contents.TrustStatus.dwErrorStatus))
        whole = context.TrustStatus.dwErrorStatus | simple.TrustStatus.dwErrorStatus
        return certs, int(whole), bits


def _der(context: CertContext) -> bytes:
    """A copy of what Windows holds."""
    if not context.pbCertEncoded:
        raise SystemFailure(E_INVALIDARG)
    return ctypes.string_at(context.pbCertEncoded, context.cbCertEncoded)


def text(code: int) -> str:
    """What Windows says about a code, in the user's language, on one line; empty if nothing."""
    if sys.platform != "win32":
        return ""
    found = ctypes.FormatError(code - 2**32 if code >= 2**31 else code)  # it takes a C int
    return "" if found == _NO_TEXT else " ".join(found.split()).rstrip(".")
