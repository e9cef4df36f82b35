"""What must hold for the files in .github/workflows, beyond their schema and what zizmor reports.

The rules here hold for every workflow; those of `workflow_ci` for all but release.yml, which
publishes and has the rules of `workflow_release`. Needs ruamel.yaml, which check-jsonschema brings.
"""

import re
from pathlib import Path
from typing import Any

from . import workflow_ci, workflow_release

MOST_MINUTES = 60
SYSTEMS = "ubuntu|windows|macos"
PINNED = re.compile(r"(?P<action>[\w.-]+/[\w./-]+)@(?P<hash>[0-9a-f]{40})\Z")
# The version is a comment, which the parser does not see.
USES = re.compile(r"^\s*(?:- )?uses:\s*(?P<pin>\S+)(?:\s+#\s*(?P<version>\S+))?\s*$", re.MULTILINE)
VERSION = re.compile(r"v\d+\.\d+\.\d+\Z")


def findings(name: str, text: str, root: Path) -> list[str]:
    """What is wrong with the workflow of this file name, in a checkout at `root`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        workflow = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        return [f"cannot be parsed: {error}"]
    if not isinstance(workflow, dict) or not isinstance(workflow.get("jobs"), dict):
        return ["has no jobs"]
    found = [*check_pins(text), *check_top(workflow)]
    for job_name, job in workflow["jobs"].items():
        found += [f"{job_name}: {what}" for what in check_job(job)]
    if name == "release.yml":
        return found + workflow_release.check(workflow)
    return found + workflow_ci.check(workflow, root, covers=name == "ci.yml")


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


def check_top(workflow: dict[str, Any]) -> list[str]:
    found = []
    if workflow.get("permissions") != {}:
        found.append("grants permissions to every job; the top level must say `permissions: {}`")
    if "group" not in (workflow.get("concurrency") or {}):
        found.append("has no concurrency group")
    # The default shell goes on after a failure in the middle of a pipe.
    if (workflow.get("defaults") or {}).get("run", {}).get("shell") != "bash":
        found.append("does not run its commands with bash everywhere")
    if "secrets." in str(workflow):
        found.append("uses secrets")
    return found


def check_job(job: dict[str, Any]) -> list[str]:
    found = []
    minutes = job.get("timeout-minutes")
    if not isinstance(minutes, int) or not 0 < minutes <= MOST_MINUTES:
        found.append(f"needs `timeout-minutes` of at most {MOST_MINUTES}")
    runners = job.get("strategy", {}).get("matrix", {}).get("os", [job.get("runs-on")])
    for runner in runners:
        if not re.fullmatch(rf"({SYSTEMS})-\d[\w.]*", str(runner)):
            found.append(f"runs on {runner}, which is not a system of GitHub's with its version")
    if set(job) & {"continue-on-error", "uses", "secrets", "container", "services"}:
        found.append("is more than its own steps, or may fail unseen")
    steps = job.get("steps") or []
    if not steps:
        found.append("runs nothing")
    for step in steps:
        if "continue-on-error" in step or "if" in step:
            found.append("has a step that may be left out or fail unseen")
        if "${{" in str(step.get("run", "")):
            found.append(f"`{str(step['run']).strip()}`: expressions belong into `env`")
        if "uses" in step:
            found += check_action(step)
    return found


def check_action(step: dict[str, Any]) -> list[str]:
    uses = str(step["uses"])
    if not PINNED.match(uses):
        return [f"{uses} is not pinned by the hash of a commit"]
    keeps = step.get("with", {}).get("persist-credentials", True)
    if uses.startswith("actions/checkout@") and keeps is not False:
        return ["leaves its token in the checkout (persist-credentials)"]
    return []
