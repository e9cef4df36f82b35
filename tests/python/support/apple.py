"""Security and Core Foundation as tests/apple plays them: compiled here, loaded beside the module
under test, with the verdicts of the test."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from trustbridge._system.security_calls import Frameworks

SOURCES = Path(__file__).parents[2] / "apple"

OSSTATUS = "NSOSStatusErrorDomain"
_CERTIFICATES, _ANCHORS, _RESPONSES = 0, 3, 6  # `enum part` in standin.h
_JUDGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@functools.cache
def load(before_macos_12: bool) -> tuple[StandIn, Frameworks]:
    """The stand-in, and the module's view of it: one of each in a process."""
    folder = tempfile.TemporaryDirectory(prefix="trustbridge-tests-")
    paths = build(Path(folder.name), before_macos_12=before_macos_12)
    stand_in = StandIn(*paths)
    stand_in.folder = folder  # as long as this
    return stand_in, Frameworks(*paths)


def build(folder: Path, *, before_macos_12: bool = False) -> tuple[str, str]:
    """Compiles both libraries. Returns their paths: Security, Core Foundation."""
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared"]
    if before_macos_12:
        flags.append("-DBEFORE_MACOS_12")
    core_foundation, security = folder / "CoreFoundation.so", folder / "Security.so"
    for path, source, more in (
        (core_foundation, "core_foundation.c", ["-lpthread"]),
        (security, "security.c", [str(core_foundation)]),
    ):
        command = ["cc", *flags, "-o", str(path), str(SOURCES / source), *more]
        subprocess.run(command, check=True)
    return str(security), str(core_foundation)


class Asked(NamedTuple):
    """What one evaluation was asked."""

    server: bool
    name: str | None
    #: Seconds since 2001.
    date: float
    #: The flags of the policy for revocation.
    revocation: int | None
    network: bool
    #: DER, the end entity first.
    certificates: list[bytes]
    #: DER; None for the system's.
    anchors: list[bytes] | None
    #: OCSP responses in DER.
    responses: tuple[bytes, ...] = ()


class Error(NamedTuple):
    code: int
    text: str | None = "no"
    domain: str | None = OSSTATUS
    #: The text of the underlying error.
    details: str | None = None
    #: An object of another kind where the underlying error is expected.
    odd: bool = False


class Answer(NamedTuple):
    trusted: bool
    error: Error | None = None
    #: DER; None for a certificate that is missing.
    chain: tuple[bytes | None, ...] = ()


class StandIn:
    """Both libraries. `judge` gives the verdicts."""

    def __init__(self, security: str, core_foundation: str) -> None:
        self.paths = security, core_foundation
        self._core = ctypes.CDLL(core_foundation)
        self._security = ctypes.CDLL(security)
        self._declare()
        #: What each evaluation was asked, in order.
        self.asked: list[Asked] = []
        #: `judge(asked)` gives the answer.
        self.judge = None
        self._failures: list[BaseException] = []
        self._callback = _JUDGE(self._judge)
        self._security.standin_judge(self._callback)
        self._lock = threading.Lock()

    def _declare(self) -> None:
        pointer, long = ctypes.c_void_p, ctypes.c_long
        length = ctypes.POINTER(long)
        core, security = self._core, self._security
        core.standin_fail.argtypes = [ctypes.c_char_p, long, ctypes.c_int]
        core.standin_leaks.restype = long
        core.standin_misuse.restype = core.standin_log.restype = ctypes.c_char_p
        core.standin_string.argtypes = [ctypes.c_char_p]
        core.standin_string.restype = core.standin_error.restype = pointer
        core.standin_error.argtypes = [pointer, ctypes.c_longlong, pointer, pointer]
        for name, result, *arguments in (
            ("judge", None, _JUDGE),
            ("asks_server", ctypes.c_int, pointer),
            ("asked_name", pointer, pointer, length),
            ("asked_revocation", ctypes.c_longlong, pointer),
            ("asked_policies", long, pointer),
            ("asked_date", ctypes.c_double, pointer),
            ("asks_network", ctypes.c_bool, pointer),
            ("asks_only", ctypes.c_bool, pointer),
            ("asked_count", long, pointer, ctypes.c_int),
            ("asked_der", pointer, pointer, ctypes.c_int, long, length),
            ("set", None, ctypes.c_int, ctypes.c_char_p, long),
            ("set_usage", None, ctypes.c_char_p, ctypes.c_longlong, ctypes.c_bool),
            ("unset", None),
            ("answer", None, pointer, ctypes.c_bool, pointer),
            ("answer_chain", None, pointer, ctypes.c_char_p, long),
        ):
            function = getattr(security, f"standin_{name}")
            function.restype, function.argtypes = result, arguments

    # What tests set and inspect.

    def reset(self) -> None:
        self.asked, self.judge, self._failures, self._kept = [], None, [], []
        self._security.standin_unset()
        self._core.standin_reset()

    def answers(self, *answers: Answer) -> None:
        """The answers of the next evaluations, in order, and no more."""
        left = iter(answers)
        self.judge = lambda asked: next(left)

    def set(self, domain: int, der: bytes, *usages: tuple) -> None:
        """Trust settings of a certificate. A usage is the name of a policy or None, a result or 0,
        and perhaps "odd": one of them is of another kind than documented."""
        self._kept.append(der)
        self._security.standin_set(domain, der, len(der))
        for policy, result, *odd in usages:
            name = None if policy is None else policy.encode()
            self._kept.append(name)
            self._security.standin_set_usage(name, result, bool(odd))

    def fail(self, function: str, nth: int = 1, status: int = 0) -> None:
        """The nth call of a function from now on fails; all of them if nth is negative."""
        self._core.standin_fail(function.encode(), nth, status)

    def calls(self) -> list[str]:
        """The functions that were called, in order."""
        return self._core.standin_log().decode().split()

    def leaks(self) -> int:
        return self._core.standin_leaks()

    def misuse(self) -> str:
        return self._core.standin_misuse().decode()

    def check(self) -> None:
        """Nothing is left over, nothing was done that the real frameworks do not bear."""
        for failure in self._failures:
            raise failure
        assert self.misuse() == "", self.misuse()
        assert self.leaks() == 0, self.leaks()

    # The verdict.

    def _judge(self, trust: int) -> None:
        try:
            asked = self._asked(trust)
            with self._lock:
                self.asked.append(asked)
            self._answer(trust, self.judge(asked))
        except BaseException as failure:
            self._failures.append(failure)

    def _asked(self, trust: int) -> Asked:
        security, length = self._security, ctypes.c_long()
        name = security.standin_asked_name(trust, length)
        revocation = security.standin_asked_revocation(trust)
        assert security.standin_asked_policies(trust) == (1 if revocation < 0 else 2)
        anchors = self._ders(trust, _ANCHORS)
        assert security.standin_asks_only(trust) == (anchors is not None)
        return Asked(
            server={0: False, 1: True}[security.standin_asks_server(trust)],
            name=None if name is None else ctypes.string_at(name, length.value).decode(),
            date=security.standin_asked_date(trust),
            revocation=None if revocation < 0 else revocation,
            network=security.standin_asks_network(trust),
            certificates=self._ders(trust, _CERTIFICATES) or [],
            anchors=anchors,
            responses=tuple(self._ders(trust, _RESPONSES) or ()),
        )

    def _ders(self, trust: int, part: int) -> list[bytes] | None:
        security, length = self._security, ctypes.c_long()
        count = security.standin_asked_count(trust, part)
        if count < 0:
            return None
        ders = []
        for place in range(count):
            address = security.standin_asked_der(trust, part, place, length)
            ders.append(ctypes.string_at(address, length.value))
        return ders

    def _answer(self, trust: int, answer: Answer) -> None:
        error = None
        if answer.error is not None:
            code, text, domain, details, odd = answer.error
            if odd:
                underlying = self._string(details or "")
            elif details is None:
                underlying = None
            else:
                underlying = self._core.standin_error(None, 0, self._string(details), None)
            error = self._core.standin_error(
                self._string(domain), code, self._string(text), underlying
            )
        self._security.standin_answer(trust, answer.trusted, error)
        for der in answer.chain:
            self._security.standin_answer_chain(trust, der, len(der or b""))

    def _string(self, text: str | None) -> int | None:
        return None if text is None else self._core.standin_string(text.encode())
