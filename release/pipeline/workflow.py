"""What must hold for .github/workflows/release.yml, beyond what zizmor looks at. Needs PyYAML."""

import re
from typing import Any

import yaml

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
COMMENTED = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
SUMS = "${{ needs.build.outputs.sums }}"
COMMIT = "${{ needs.tag.outputs.commit }}"
# Who may have which permission, all of it.
PERMISSIONS = {
    "attest": {"attestations": "write", "id-token": "write"},
    "publish-python": {"id-token": "write"},
    "publish-crate": {"id-token": "write"},
    "publish-page": {"contents": "write"},
}
READ = {"contents": "read"}


def problems(text: str) -> list[str]:
    workflow = yaml.safe_load(text)
    found = []
    # YAML 1.1 reads the key `on` as true.
    if workflow.get("on", workflow.get(True)) != {"push": {"tags": ["v[0-9]+.*"]}}:
        found.append("it does not start from a version's tag alone")
    if workflow.get("permissions") != {}:
        found.append("it has permissions at the top")
    # The default shell goes on after a failure in the middle of a pipe.
    if (workflow.get("defaults") or {}).get("run") != {"shell": "bash"}:
        found.append("its scripts are not run by bash with pipefail")
    if "secrets." in text:
        found.append("it uses a secret")
    for line in text.splitlines():
        if "uses:" in line and not COMMENTED.search(line):
            found.append(f"no hash with its version: {line.strip()}")
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {problem}" for problem in _job(name, job)]
    missing = {*PERMISSIONS, "tag", "build", "examine", "verify-published"} - workflow[
        "jobs"
    ].keys()
    found += [f"the job {name} is missing" for name in sorted(missing)]
    return found


def _job(name: str, job: dict[str, Any]) -> list[str]:
    found = []
    if "uses" in job:
        return ["it calls another workflow: attestations would be refused"]
    permissions = job.get("permissions")
    privileged = permissions not in (READ, {})
    if permissions != PERMISSIONS.get(name, READ):
        found.append(f"its permissions are {permissions}")
    if privileged and not (job.get("environment") or {}).get("name"):
        found.append("it can publish without a protected environment")
    if "timeout-minutes" not in job:
        found.append("it has no time limit")
    if not re.fullmatch(r"[a-z]+-[\d.]+", str(job.get("runs-on"))):
        found.append(f"it runs on {job.get('runs-on')}")
    needs = job.get("needs", [])
    if name != "tag" and "tag" not in needs:
        found.append("it does not need the job that resolves the tag")
    if name.startswith("publish") and not {"build", "examine", "attest"} <= set(needs):
        found.append("it does not wait for all checks")

    compared = False
    summed = False
    for step in job["steps"]:
        action = step.get("uses", "")
        options = step.get("with") or {}
        environment = step.get("env") or {}
        script = str(step.get("run", ""))
        if action and not PINNED.fullmatch(action):
            found.append(f"{action} is not pinned")
        if "cache" in action or "cache" in options or "rust-cache" in action:
            found.append("it uses a cache")
        if "${{" in script:
            found.append("a script has an expression in its text")
        if action.startswith("actions/checkout@"):
            if privileged:
                found.append("it can publish and has a checkout")
            if options.get("persist-credentials") is not False:
                found.append("its checkout keeps credentials")
            if name != "tag" and options.get("ref") != COMMIT:
                found.append("its checkout is not of the resolved commit")
        if privileged and "release/" in script:
            found.append("it can publish and runs the repository's scripts")
        if environment.get("COMMIT") == COMMIT and (
            "release/hosted tag-unmoved" in script
            or ("git ls-remote" in script and 'test "$remote" = "$COMMIT"' in script)
        ):
            compared = True
        if environment.get("SUMS") == SUMS and (
            ("release/hosted" in script)
            or ("sha256sum --check --strict" in script and 'diff <(echo "$SUMS")' in script)
        ):
            summed = True
        # Nothing may come between the comparison and what depends on it.
        acts = action and not action.startswith("actions/download-artifact@")
        if privileged and acts and not (compared and summed):
            found.append(f"{action.partition('@')[0]} runs before the sums are compared")
    if name != "tag" and not compared:
        found.append("it does not see whether the tag has moved")
    if name not in ("tag", "build") and not summed:
        found.append("it does not compare the sums of the job outputs")
    if name == "publish-python" and not any(
        step.get("uses", "").startswith("pypa/gh-action-pypi-publish@") for step in job["steps"]
    ):
        found.append("it does not publish from this workflow itself")
    return found
