"""Records how each test of a suite ends, with or without our package injected.

    python outcomes.py unittest OUTPUT NAME...  modules or tests of unittest
    python outcomes.py pytest OUTPUT NAME...    files, tests and options of pytest

With TRUSTBRIDGE_SUITES=inject the package is injected before anything of the suite is imported; the
mode is chosen with `-X trustbridge-mode`. With TRUSTBRIDGE_SUITES_NETWORK=loopback nothing else can
be reached. OUTPUT is a JSON object: the test, and how it ended.
"""

from __future__ import annotations

import errno
import faulthandler
import ipaddress
import json
import logging
import os
import pathlib
import socket
import sys
import unittest
import warnings

#: Seconds after which a run is given up. Its tests that have not ended count as missing.
LIMIT = 1500

Outcomes = dict[str, str]
#: From the best to the worst: a test of several parts ends as the worst of them does.
ORDER = ("passed", "skipped", "failed")


def record(outcomes: Outcomes, test: str, outcome: str) -> None:
    known = outcomes.get(test, outcome)
    outcomes[test] = max(known, outcome, key=ORDER.index)


class Result(unittest.TextTestResult):
    """Keeps how each test ended, subtests included."""

    outcomes: Outcomes

    def addSuccess(self, test):
        super().addSuccess(test)
        record(self.outcomes, test.id(), "passed")

    def addError(self, test, err):
        super().addError(test, err)
        record(self.outcomes, test.id(), "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        record(self.outcomes, test.id(), "failed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        record(self.outcomes, test.id(), "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        record(self.outcomes, test.id(), "passed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        record(self.outcomes, test.id(), "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            record(self.outcomes, test.id(), "failed")


def run_unittest(names: list[str]) -> Outcomes:
    outcomes = Result.outcomes = {}
    # As tornado's own runner does: its tests take every line that is logged for a fault.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    loaded = unittest.defaultTestLoader.loadTestsFromNames(names)
    unittest.TextTestRunner(resultclass=Result, verbosity=0, warnings="ignore").run(loaded)
    return outcomes


class Plugin:
    """The same for pytest: a test's set-up and tear-down belong to it."""

    def __init__(self):
        self.outcomes: Outcomes = {}

    def pytest_runtest_logreport(self, report):
        # Both kinds of expected failure are how the test should end.
        expected = hasattr(report, "wasxfail") and not report.failed
        outcome = "passed" if expected else report.outcome
        if report.when == "call" or outcome != "passed":
            record(self.outcomes, report.nodeid, outcome)

    def pytest_collectreport(self, report):
        if report.failed:
            record(self.outcomes, report.nodeid, "failed")


def run_pytest(arguments: list[str]) -> Outcomes:
    import pytest

    plugin = Plugin()
    pytest.main(["-p", "no:cacheprovider", "--quiet", "-rfE", *arguments], [plugin])
    return plugin.outcomes


def only_loopback(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: no other host can be found or reached."""
    if event == "socket.getaddrinfo":
        if isinstance(arguments[0], (str, bytes)) and not is_local(arguments[0], looked_up=True):
            raise socket.gaierror(socket.EAI_NONAME, "only loopback can be reached")
    elif event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not is_local(address[0], looked_up=False):
            raise OSError(errno.ENETUNREACH, "only loopback can be reached")


def is_local(host: str | bytes, looked_up: bool) -> bool:
    """Also an address that no host has: tests of time limits connect to it."""
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    name = text.partition("%")[0].strip("[]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # That of this machine too: servers look up their own.
        own = (socket.gethostname(), "")
        return name.rstrip(".").rpartition(".")[2] == "localhost" or name in own
    # An address is found without asking anybody.
    return looked_up or address.is_loopback or address.is_unspecified or address.is_reserved


def inject() -> None:
    import trustbridge

    wanted = getattr(sys, "_xoptions", {}).get("trustbridge-mode", "openssl")
    if wanted != trustbridge.HANDSHAKE_MODE:
        sys.exit(f"mode {trustbridge.HANDSHAKE_MODE}, not {wanted}")
    trustbridge.inject_into_ssl()


def main() -> None:
    runner, output, *names = sys.argv[1:]
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    if os.environ.get("TRUSTBRIDGE_SUITES") == "inject":
        inject()
    warnings.simplefilter("ignore")
    if os.environ.get("TRUSTBRIDGE_SUITES_NETWORK") == "loopback":
        sys.addaudithook(only_loopback)
    outcomes = {"pytest": run_pytest, "unittest": run_unittest}[runner](names)
    pathlib.Path(output).write_text(json.dumps(outcomes))
    # A suite may leave threads behind.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    main()
