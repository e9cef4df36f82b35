"""What must hold for the workflows that only test: a workflow does nothing that a laptop cannot do.

Each step is an action or one make target or script, which exists and can be run. Nothing is granted
that is not needed, and ci.yml runs the tests on every system and every Python.
"""

import os
import re
import shlex
from pathlib import Path
from typing import Any

SYSTEMS = {"ubuntu", "windows", "macos"}
PYTHONS = {"3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"}
# Every one must be started somewhere.
COMMANDS = {
    *(f"make {target}" for target in ("lint", "test-rust", "test-python", "test-docs")),
    *(
        f"scripts/check-hosted {check}"
        for check in (
            "msrv",
            "examples",
            "semver",
            "external-types",
            "deny",
            "coverage",
            "fuzz",
        )
    ),
}
ASSIGNMENT = re.compile(r"[A-Z_]+=[\w.=/-]*\Z")


def check(workflow: dict[str, Any], root: Path, *, covers: bool) -> list[str]:
    """`covers` says that this is the workflow that runs the tests."""
    found = []
    triggers = workflow.get("on")
    triggers = set(triggers if isinstance(triggers, (dict, list)) else [triggers])
    if not triggers <= {"push", "pull_request", "schedule", "workflow_dispatch"}:
        found.append(f"is started by {sorted(map(str, triggers))}")
    started: set[str] = set()
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {what}" for what in check_job(job, root, started)]
    return found + (check_coverage(workflow["jobs"], started) if covers else [])


def check_job(job: dict[str, Any], root: Path, started: set[str]) -> list[str]:
    found = []
    if job.get("permissions") not in ({}, {"contents": "read"}):
        found.append("must say `permissions: {contents: read}` or less")
    commands = [step for step in job.get("steps") or [] if "run" in step]
    if not commands:
        found.append("runs nothing")
    for step in commands:
        found += check_command(step, root, started)
    return found


def check_coverage(jobs: dict, started: set[str]) -> list[str]:
    """The tests run on every system and every Python, and one job stands for all."""
    found = [f"never runs `{command}`" for command in sorted(COMMANDS - started)]
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


def check_command(step: dict, root: Path, started: set[str]) -> list[str]:
    command = str(step["run"]).strip()
    if "${{" in command:
        return []  # reported for every workflow
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
        started.add(f"make {targets[0]}")
        if targets[0] not in make_targets(root):
            return [f"`{command}`: the Makefile has no such target"]
        return []
    started.add(" ".join(words))
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
