"""The calls into Security and Core Foundation, and nothing else: src/platform/apple/sectrust.rs in
Python. What is asked and what the answers mean is in `security`.

The oldest system is macOS 10.14 (`SecTrustEvaluateWithError`).

`ctypes` and the frameworks are loaded by the first evaluation. They are not safe to use in a
process that was forked and has not called `exec`.

A reference is the caller's to release if the function that returned it has "Create" or "Copy" in
its name. Each goes into a `References` at once, which releases it once; every other reference is
borrowed from an object that is in there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Any

#: Not on disk since macOS 11; the loader knows them by these paths.
SECURITY = "/System/Library/Frameworks/Security.framework/Security"
CORE_FOUNDATION = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"

#: `errSecParam`, for the functions that return NULL and no status.
ERR_SEC_PARAM = -50
_UTF_8 = 0x08000100  # kCFStringEncodingUTF8
_INT_64 = 4  # kCFNumberSInt64Type


class CallFailed(Exception):
    """A function of the system failed before anything was decided.

    code, text -- the system's, 0 and "" if it has given none
    """

    def __init__(self, call: str, code: int = 0, text: str = "") -> None:
        super().__init__(call, code, text)
        self.call, self.code, self.text = call, code, text


class Error:
    """A `CFError`.

    is_status -- whether its domain is `NSOSStatusErrorDomain`, so that the code is an `OSStatus`
    text -- what is wrong, as Apple's own dialogs say it
    details -- what is wrong with each certificate, if the system says
    """

    def __init__(self, *, is_status: bool, code: int, text: str, details: str | None) -> None:
        self.is_status, self.code, self.text, self.details = is_status, code, text, details


class Answer:
    """What an evaluation ended with.

    trusted, error -- the result of `SecTrustEvaluateWithError`, and the error that came with it
    chain -- the chain that was built in DER, end entity first; empty if the system gave none
    """

    def __init__(self, trusted: bool, error: Error | None, chain: list[bytes]) -> None:
        self.trusted, self.error, self.chain = trusted, error, chain


_frameworks: Frameworks | None = None


def frameworks() -> Frameworks:
    """The frameworks, loaded by the first call. Raises CallFailed if that cannot be.

    Without a lock, which the child of a fork could find locked: two threads load the same.
    """
    global _frameworks
    if _frameworks is None:
        _frameworks = Frameworks(SECURITY, CORE_FOUNDATION)
    return _frameworks


def use(loaded: Frameworks | None) -> None:
    """For the tests: these frameworks from now on. With None the system's, when next needed."""
    global _frameworks
    _frameworks = loaded


class Frameworks:
    """The functions that are used, each with its types, by their own names."""

    def __init__(self, security: str, core_foundation: str) -> None:
        """Loads both libraries. Raises CallFailed if one, or one of its functions, is missing."""
        try:
            import ctypes

            self._bind(ctypes, ctypes.CDLL(security), ctypes.CDLL(core_foundation))
        except (ImportError, OSError, AttributeError, ValueError) as error:
            raise CallFailed("dlopen", 0, str(error)) from None

    # A table, one line for each function.
    def _bind(self, c: Any, security: Any, core_foundation: Any) -> None:
        reference, index, boolean = c.c_void_p, c.c_ssize_t, c.c_ubyte
        status, options, pointer = c.c_int32, c.c_ulong, c.POINTER(c.c_void_p)
        integer = c.POINTER(c.c_int64)

        def bind(library: Any, name: str, result: Any, *arguments: Any) -> None:
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

        bind(core_foundation, "CFRelease", None, reference)
        bind(core_foundation, "CFGetTypeID", options, reference)
        bind(core_foundation, "CFDataCreate", reference, reference, c.c_char_p, index)
        bind(core_foundation, "CFDataGetLength", index, reference)
        bind(core_foundation, "CFDataGetBytePtr", reference, reference)
        bind(
            core_foundation,
            "CFStringCreateWithBytes",
            *(reference, reference, c.c_char_p, index, c.c_uint32, boolean),
        )
        bind(
            core_foundation,
            "CFStringCreateExternalRepresentation",
            *(reference, reference, reference, c.c_uint32, c.c_uint8),
        )
        bind(core_foundation, "CFStringGetTypeID", options)
        bind(core_foundation, "CFDateCreate", reference, reference, c.c_double)
        bind(core_foundation, "CFArrayCreate", reference, reference, pointer, index, reference)
        bind(core_foundation, "CFArrayGetCount", index, reference)
        bind(core_foundation, "CFArrayGetValueAtIndex", reference, reference, index)
        bind(core_foundation, "CFDictionaryGetValue", reference, reference, reference)
        bind(core_foundation, "CFNumberGetTypeID", options)
        bind(core_foundation, "CFNumberGetValue", boolean, reference, index, integer)
        bind(core_foundation, "CFErrorGetTypeID", options)
        bind(core_foundation, "CFErrorGetDomain", reference, reference)
        bind(core_foundation, "CFErrorGetCode", index, reference)
        bind(core_foundation, "CFErrorCopyDescription", reference, reference)
        bind(core_foundation, "CFErrorCopyUserInfo", reference, reference)

        bind(security, "SecCopyErrorMessageString", reference, status, reference)
        bind(security, "SecCertificateCreateWithData", reference, reference, reference)
        bind(security, "SecCertificateCopyData", reference, reference)
        bind(security, "SecPolicyCreateSSL", reference, boolean, reference)
        bind(security, "SecPolicyCreateRevocation", reference, options)
        bind(security, "SecTrustCreateWithCertificates", status, reference, reference, pointer)
        bind(security, "SecTrustSetVerifyDate", status, reference, reference)
        bind(security, "SecTrustSetNetworkFetchAllowed", status, reference, boolean)
        bind(security, "SecTrustSetOCSPResponse", status, reference, reference)
        bind(security, "SecTrustSetAnchorCertificates", status, reference, reference)
        bind(security, "SecTrustSetAnchorCertificatesOnly", status, reference, boolean)
        bind(security, "SecTrustEvaluateWithError", c.c_bool, reference, pointer)
        bind(security, "SecTrustGetCertificateCount", index, reference)
        bind(security, "SecTrustGetCertificateAtIndex", reference, reference, index)
        #: Whether the system has the function that replaces these two: macOS 12 has.
        self.copies_chain = hasattr(security, "SecTrustCopyCertificateChain")
        if self.copies_chain:
            bind(security, "SecTrustCopyCertificateChain", reference, reference)

        #: Whether users can set what is trusted, and programs can list it: on macOS only.
        self.lists_settings = hasattr(security, "SecTrustSettingsCopyCertificates")
        if self.lists_settings:
            domain = c.c_uint32
            bind(security, "SecTrustSettingsCopyCertificates", status, domain, pointer)
            name = "SecTrustSettingsCopyTrustSettings"
            bind(security, name, status, reference, domain, pointer)

        self._c = c
        # The address of a struct that is in the library, and a string that a constant points to.
        callbacks = c.c_char.in_dll(core_foundation, "kCFTypeArrayCallBacks")
        self.array_callbacks: int = c.addressof(callbacks)
        self.underlying_error_key: int | None = c.c_void_p.in_dll(
            core_foundation, "kCFErrorUnderlyingErrorKey"
        ).value

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def place(self) -> Any:
        """A place for a reference, NULL at first."""
        return self._c.c_void_p()

    def places(self, references: Sequence[int]) -> Any:
        return (self._c.c_void_p * len(references))(*references)

    def number(self, number: int) -> int | None:
        """The value of a CFNumber; None if it does not fit in 64 bits."""
        value = self._c.c_int64()
        read: int = self.CFNumberGetValue(number, _INT_64, value)
        return value.value if read else None

    def bytes_at(self, address: int, length: int) -> bytes:
        copy: bytes = self._c.string_at(address, length)
        return copy


class References:
    """References that are the caller's, to release when all is done: each once, the last first."""

    def __init__(self, api: Frameworks) -> None:
        self._api = api
        self._owned: list[int] = []

    def __enter__(self) -> References:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._owned:
            self._api.CFRelease(self._owned.pop())

    def own(self, reference: int | None) -> int | None:
        """Takes over what a function returned: NULL, or a reference to release."""
        if reference:
            self._owned.append(reference)
        return reference or None

    def created(self, call: str, reference: int | None) -> int:
        """The same, where NULL is a failure of the function called."""
        owned = self.own(reference)
        if owned is None:
            raise CallFailed(call)
        return owned

    def data(self, content: bytes) -> int:
        data = self._api.CFDataCreate(None, content, len(content))
        return self.created("CFDataCreate", data)

    def string(self, text: str) -> int:
        content = text.encode()
        string = self._api.CFStringCreateWithBytes(None, content, len(content), _UTF_8, False)
        return self.created("CFStringCreateWithBytes", string)

    def array(self, references: Sequence[int]) -> int:
        api = self._api
        # It retains what it holds.
        array = api.CFArrayCreate(
            None, api.places(references), len(references), api.array_callbacks
        )
        return self.created("CFArrayCreate", array)

    def certificate(self, der: bytes) -> int | None:
        """None if the system cannot read it."""
        data = self.data(der)
        return self.own(self._api.SecCertificateCreateWithData(None, data))

    # Reading. A reference can be NULL: then so is what is read.

    def bytes_of(self, data: int | None) -> bytes | None:
        if not data:
            return None
        length: int = self._api.CFDataGetLength(data)
        address = self._api.CFDataGetBytePtr(data)
        if length <= 0:
            return b""
        return self._api.bytes_at(address, length) if address else None

    def text_of(self, string: int | None) -> str:
        """The text; "" if there is none."""
        if not string:
            return ""
        # What has no form in UTF-8, a half of a surrogate pair, becomes a question mark.
        data = self._api.CFStringCreateExternalRepresentation(None, string, _UTF_8, ord("?"))
        return (self.bytes_of(self.own(data)) or b"").decode(errors="replace")

    def message(self, status: int) -> str:
        """The system's words for an `OSStatus`."""
        return self.text_of(self.own(self._api.SecCopyErrorMessageString(status, None)))

    def check(self, call: str, status: int) -> None:
        """Raises CallFailed unless the status of a call says that it succeeded."""
        if status != 0:
            raise CallFailed(call, status, self.message(status))


class Chain:
    """What a peer sent, as the system reads it. Lives as long as the references.

    Raises CallFailed, with the code ERR_SEC_PARAM, if the end entity cannot be read.
    """

    def __init__(
        self, references: References, leaf: bytes, helpers: Iterable[bytes], api: Frameworks
    ) -> None:
        self._references, self._api = references, api
        entity = references.certificate(leaf)
        if entity is None:
            text = references.message(ERR_SEC_PARAM)
            raise CallFailed("SecCertificateCreateWithData", ERR_SEC_PARAM, text)
        # An intermediate that cannot be read is of no use and does no harm.
        read = map(references.certificate, helpers)
        self._certificates = [entity, *(one for one in read if one is not None)]

    def ask(
        self,
        *,
        server: bool,
        hostname: str | None,
        date: float,
        revocation: int | None,
        ocsp_response: bytes,
        only: Sequence[bytes] | None,
    ) -> Answer:
        """One evaluation. Raises CallFailed if a call before it failed.

        server, hostname -- for `SecPolicyCreateSSL`; without a name none is compared
        date -- seconds since 2001-01-01 00:00 UTC
        revocation -- the flags of `SecPolicyCreateRevocation`; without them no such policy
        ocsp_response -- the one that the peer stapled; empty if there is none
        only -- trust anchors in DER that take the place of the system's; None for the system's
        """
        api = self._api
        with References(api) as references:
            policies = references.array(_policies(api, references, server, hostname, revocation))
            place = api.place()
            status = api.SecTrustCreateWithCertificates(
                references.array(self._certificates), policies, place
            )
            references.check("SecTrustCreateWithCertificates", status)
            trust = references.created("SecTrustCreateWithCertificates", place.value)
            moment = references.created("CFDateCreate", api.CFDateCreate(None, date))
            status = api.SecTrustSetVerifyDate(trust, moment)
            references.check("SecTrustSetVerifyDate", status)
            status = api.SecTrustSetNetworkFetchAllowed(trust, False)
            references.check("SecTrustSetNetworkFetchAllowed", status)
            if ocsp_response:
                responses = references.array([references.data(ocsp_response)])
                status = api.SecTrustSetOCSPResponse(trust, responses)
                references.check("SecTrustSetOCSPResponse", status)
            if only is not None:
                _set_anchors(api, references, trust, only)
            place = api.place()
            trusted: bool = api.SecTrustEvaluateWithError(trust, place)
            # The caller owns the error.
            error = references.own(place.value)
            return Answer(
                trusted,
                None if error is None else _error(api, references, error),
                _chain(api, references, trust),
            )


def _policies(
    api: Frameworks,
    references: References,
    server: bool,
    hostname: str | None,
    revocation: int | None,
) -> list[int]:
    # NULL would stand for "any name": a name that cannot be made is a failure.
    name = None if hostname is None else references.string(hostname)
    policies = [references.created("SecPolicyCreateSSL", api.SecPolicyCreateSSL(server, name))]
    if revocation is not None:
        policy = api.SecPolicyCreateRevocation(revocation)
        policies.append(references.created("SecPolicyCreateRevocation", policy))
    return policies


def _set_anchors(
    api: Frameworks, references: References, trust: int, only: Sequence[bytes]
) -> None:
    anchors = []
    for der in only:
        anchor = references.certificate(der)
        if anchor is None:
            raise CallFailed("SecCertificateCreateWithData")
        anchors.append(anchor)
    # NULL would stand for the system's: an array that cannot be made is a failure.
    array = references.array(anchors)
    status = api.SecTrustSetAnchorCertificates(trust, array)
    references.check("SecTrustSetAnchorCertificates", status)
    status = api.SecTrustSetAnchorCertificatesOnly(trust, True)
    references.check("SecTrustSetAnchorCertificatesOnly", status)


def _error(api: Frameworks, references: References, error: int) -> Error:
    return Error(
        is_status=references.text_of(api.CFErrorGetDomain(error)) == "NSOSStatusErrorDomain",
        code=api.CFErrorGetCode(error),
        text=references.text_of(references.own(api.CFErrorCopyDescription(error))),
        details=_underlying(api, references, error),
    )


def _underlying(api: Frameworks, references: References, error: int) -> str | None:
    """What the system says of each certificate."""
    info = references.own(api.CFErrorCopyUserInfo(error))
    if info is None or not api.underlying_error_key:
        return None
    underlying = api.CFDictionaryGetValue(info, api.underlying_error_key)
    if not underlying or api.CFGetTypeID(underlying) != api.CFErrorGetTypeID():
        return None
    return references.text_of(references.own(api.CFErrorCopyDescription(underlying)))


def _chain(api: Frameworks, references: References, trust: int) -> list[bytes]:
    """The chain of the last evaluation, end entity first; empty if a certificate has no data."""
    chain = []
    for certificate in _certificates(api, references, trust):
        der = references.bytes_of(references.own(api.SecCertificateCopyData(certificate)))
        if der is None:
            return []
        chain.append(der)
    return chain


def _certificates(api: Frameworks, references: References, trust: int) -> list[int]:
    if api.copies_chain:
        array = references.own(api.SecTrustCopyCertificateChain(trust))
        count = api.CFArrayGetCount(array) if array else 0
        found = (api.CFArrayGetValueAtIndex(array, place) for place in range(count))
    else:
        count = api.SecTrustGetCertificateCount(trust)
        found = (api.SecTrustGetCertificateAtIndex(trust, place) for place in range(count))
    certificates = []
    for certificate in found:
        if not certificate:
            break
        certificates.append(certificate)
    return certificates
