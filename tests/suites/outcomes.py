"""Records how each test of a suite ends, with or without our package injected.

    python outcomes.py OUTPUT NAME...      modules or tests of unittest

With TRUSTBRIDGE_SUITES=inject the package is injected before anything of the suite is imported; the
mode is chosen with `-X trustbridge-mode`. OUTPUT is a JSON object: the test, and how it ended.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pathlib
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
    loaded = unittest.defaultTestLoader.loadTestsFromNames(names)
    unittest.TextTestRunner(resultclass=Result, verbosity=0, warnings="ignore").run(loaded)
    return outcomes


def inject() -> None:
    import trustbridge

    wanted = getattr(sys, "_xoptions", {}).get("trustbridge-mode", "openssl")
    if wanted != trustbridge.HANDSHAKE_MODE:
        sys.exit(f"mode {trustbridge.HANDSHAKE_MODE}, not {wanted}")
    trustbridge.inject_into_ssl()


def main() -> None:
    output, *names = sys.argv[1:]
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    if os.environ.get("TRUSTBRIDGE_SUITES") == "inject":
        inject()
    warnings.simplefilter("ignore")
    outcomes = run_unittest(names)
    pathlib.Path(output).write_text(json.dumps(outcomes))
    # A suite may leave threads behind.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    main()
