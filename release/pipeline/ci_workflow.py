#!/usr/bin/env python3
"""Checks .github/workflows without running it: the schema, zizmor, and this project's rules.

    scripts/check-workflows [--root DIRECTORY]

Needs check-jsonschema and zizmor beside the Python that runs it (requirements/dev.txt).

The rules: a workflow does nothing that a laptop cannot do. Each step is an action, pinned by the
hash of a commit, or one make target or script that exists and can be run. Nothing is granted
that is not needed, and nothing can hang or fail unseen.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

SYSTEMS = {"ubuntu", "windows", "macos"}
PYTHONS = {"3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"}
# Every one must be started somewhere.
TARGETS = {"lint", "test-rust", "test-python", "test-docs"}
MOST_MINUTES = 60

PINNED = re.compile(r"(?P<action>[\w.-]+/[\w./-]+)@(?P<hash>[0-9a-f]{40})\Z")
# The version is a comment, which the parser does not see.
USES = re.compile(r"^\s*(?:- )?uses:\s*(?P<pin>\S+)(?:\s+#\s*(?P<version>\S+))?\s*$", re.MULTILINE)
VERSION = re.compile(r"v\d+\.\d+\.\d+\Z")
ASSIGNMENT = re.compile(r"[A-Z_]+=[\w.=/-]*\Z")


def findings(text: str, root: Path, *, covers: bool = True) -> list[str]:
    """What is wrong with a workflow. `covers` says that it is the one that runs the tests."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        workflow = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        return [f"cannot be parsed: {error}"]
    if not isinstance(workflow, dict) or not isinstance(workflow.get("jobs"), dict):
        return ["has no jobs"]
    found = [*check_pins(text), *check_top(workflow)]
    started: set[str] = set()
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {what}" for what in check_job(job, root, started)]
    if covers:
        found += check_coverage(workflow["jobs"], started)
    return found


def check_coverage(jobs: dict, started: set[str]) -> list[str]:
    """The tests run on every system and every Python, and one job stands for all."""
    found = [f"never runs `make {target}`" for target in sorted(TARGETS - started)]
    pythons: set[str] = set()
    for name, job in jobs.items():
        matrix = job.get("strategy", {}).get("matrix")
        if matrix is None:
            continue
        pythons |= set(matrix.get("python", []))
        systems = {str(system).partition("-")[0] for system in matrix.get("os", [])}
        if systems != SYSTEMS or job.get("runs-on") != "${{ matrix.os }}":
            found.append(f"{name}: does not run on each of {sorted(SYSTEMS)}")
        if set(matrix) - {"os", "python"}:
            found.append(f"{name}: its matrix is not the plain product of os and python")
        if job["strategy"].get("fail-fast") is not False:
            found.append(f"{name}: one failure hides the others (fail-fast)")
    if pythons != PYTHONS:
        found.append(f"runs Python {sorted(map(str, pythons))}, not {sorted(PYTHONS)}")
    return found + check_gate(jobs)


def check_pins(text: str) -> list[str]:
    found = []
    hashes: dict[str, str] = {}
    for uses in USES.finditer(text):
        pin = PINNED.match(uses["pin"])
        if not pin:
            found.append(f"{uses['pin']} is not pinned by the hash of a commit")
            continue
        if not VERSION.match(uses["version"] or ""):
            found.append(f"{uses['pin']} does not say its version in a comment")
        if hashes.setdefault(pin["action"], pin["hash"]) != pin["hash"]:
            found.append(f"{pin['action']} is pinned to two commits")
    return found


def check_top(workflow: dict) -> list[str]:
    found = []
    if workflow.get("permissions") != {}:
        found.append("grants permissions to every job; the top level must say `permissions: {}`")
    triggers = workflow.get("on")
    triggers = set(triggers if isinstance(triggers, (dict, list)) else [triggers])
    if not triggers <= {"push", "pull_request", "schedule", "workflow_dispatch"}:
        found.append(f"is started by {sorted(map(str, triggers))}")
    if "group" not in (workflow.get("concurrency") or {}):
        found.append("has no concurrency group")
    if workflow.get("defaults", {}).get("run", {}).get("shell") != "bash":
        found.append("does not run its commands with bash everywhere")
    if "secrets." in str(workflow):
        found.append("uses secrets")
    return found


def check_job(job: dict, root: Path, started: set[str]) -> list[str]:
    found = []
    if job.get("permissions") not in ({}, {"contents": "read"}):
        found.append("must say `permissions: {contents: read}` or less")
    minutes = job.get("timeout-minutes")
    if not isinstance(minutes, int) or not 0 < minutes <= MOST_MINUTES:
        found.append(f"needs `timeout-minutes` of at most {MOST_MINUTES}")
    runners = job.get("strategy", {}).get("matrix", {}).get("os", [job.get("runs-on")])
    for runner in runners:
        if not re.fullmatch(rf"({'|'.join(sorted(SYSTEMS))})-\d[\w.]*", str(runner)):
            found.append(f"runs on {runner}, which is not a system of GitHub's with its version")
    if set(job) & {"continue-on-error", "uses", "secrets", "container", "services"}:
        found.append("is more than its own steps, or may fail unseen")
    steps = job.get("steps") or []
    if not any("run" in step for step in steps):
        found.append("runs nothing")
    for step in steps:
        if "continue-on-error" in step or "if" in step:
            found.append("has a step that may be left out or fail unseen")
        if "uses" in step:
            found += check_action(step)
        if "run" in step:
            found += check_command(step, root, started)
    return found


def check_action(step: dict) -> list[str]:
    uses = str(step["uses"])
    if not PINNED.match(uses):
        return [f"{uses} is not pinned by the hash of a commit"]
    keeps = step.get("with", {}).get("persist-credentials", True)
    if uses.startswith("actions/checkout@") and keeps is not False:
        return ["leaves its token in the checkout (persist-credentials)"]
    return []


def check_command(step: dict, root: Path, started: set[str]) -> list[str]:
    command = str(step["run"]).strip()
    if "${{" in command:
        return [f"`{command}`: expressions belong into `env`"]
    if "shell" in step or "working-directory" in step:
        return [f"`{command}`: runs in a shell or folder of its own"]
    words = shlex.split(command)
    if "\n" in command or set(command) & set(";&|<>$`(){}*?!#\\"):
        return [f"`{command}`: is more than one make target or script"]
    program, arguments = words[0], words[1:]
    if program == "make":
        targets = [word for word in arguments if not ASSIGNMENT.match(word)]
        if len(targets) != 1:
            return [f"`{command}`: is not one make target"]
        started.update(targets)
        if targets[0] not in make_targets(root):
            return [f"`{command}`: the Makefile has no such target"]
        return []
    if not re.fullmatch(r"(scripts|\.ci)/[\w-]+", program):
        return [f"`{command}`: is neither a make target nor a script of scripts/"]
    script = root / program
    if not script.is_file():
        return [f"`{command}`: there is no such script"]
    if not os.access(script, os.X_OK):
        return [f"`{command}`: the script cannot be executed"]
    if not script.read_bytes().startswith(b"#!"):
        return [f"`{command}`: the script does not say what runs it"]
    return []


def make_targets(root: Path) -> set[str]:
    """The targets that the Makefile declares as phony and has a rule for."""
    makefile = root / "Makefile"
    if not makefile.is_file():
        return set()
    text = makefile.read_text()
    phony = {
        name for line in re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE) for name in line.split()
    }
    return phony & set(re.findall(r"^([\w-]+):", text, re.MULTILINE))


def check_gate(jobs: dict) -> list[str]:
    """One job must stand for all others, also where one of them was skipped or cancelled."""
    gates = {name: job for name, job in jobs.items() if "needs" in job}
    if len(gates) != 1:
        return ["has no single job that needs all others"]
    [(name, gate)] = gates.items()
    found = []
    if set(gate["needs"]) != set(jobs) - {name}:
        found.append(f"{name}: does not need every other job")
    if gate.get("if") != "always()":
        found.append(f"{name}: is skipped where a job fails, and counts as passed then")
    if not any(
        step.get("run") == "scripts/all-succeeded"
        and step.get("env") == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
        for step in gate.get("steps", [])
    ):
        found.append(f"{name}: does not look at the results")
    return found


def run(tool: str, *arguments: str) -> bool:
    """Runs a tool that is installed beside this Python; what it prints matters if it fails."""
    program = Path(sys.executable).parent / tool
    if not program.is_file():
        print(f"{tool} is not installed in {program.parent}", file=sys.stderr)
        return False
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    files = sorted((root / ".github/workflows").glob("*.y*ml"))
    if not files:
        print("no workflows", file=sys.stderr)
        return 1
    names = [str(file) for file in files]
    good = run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *names) and run(
        "zizmor", "--offline", "--quiet", "--persona", "pedantic", "--no-progress", *names
    )
    if not (root / ".github/workflows/ci.yml").is_file():
        print("there is no ci.yml", file=sys.stderr)
        good = False
    for file in files:
        # It publishes, and so has rules of its own: release/lint-workflows.
        if file.name == "release.yml":
            continue
        for what in findings(file.read_text(), root, covers=file.name == "ci.yml"):
            print(f"{file.relative_to(root)}: {what}", file=sys.stderr)
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
