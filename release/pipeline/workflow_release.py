"""What must hold for release.yml: who may publish, after what, and from which commit."""

from typing import Any

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


def check(workflow: dict[str, Any]) -> list[str]:
    found = []
    if workflow.get("on") != {"push": {"tags": ["v[0-9]+.*"]}}:
        found.append("does not start from a version's tag alone")
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {problem}" for problem in [*_rights(name, job), *_steps(name, job)]]
    wanted = {*PERMISSIONS, "tag", "build", "examine", "verify-published"}
    missing = wanted - workflow["jobs"].keys()
    return found + [f"the job {name} is missing" for name in sorted(missing)]


def _rights(name: str, job: dict[str, Any]) -> list[str]:
    """What the job may do, and what it waits for."""
    found = []
    permissions = job.get("permissions")
    if permissions != PERMISSIONS.get(name, READ):
        found.append(f"its permissions are {permissions}")
    if _privileged(job) and not (job.get("environment") or {}).get("name"):
        found.append("can publish without a protected environment")
    needs = job.get("needs", [])
    if name != "tag" and "tag" not in needs:
        found.append("does not need the job that resolves the tag")
    if name.startswith("publish") and not {"build", "examine", "attest"} <= set(needs):
        found.append("does not wait for all checks")
    return found


def _privileged(job: dict[str, Any]) -> bool:
    return job.get("permissions") not in (READ, {})


def _steps(name: str, job: dict[str, Any]) -> list[str]:
    """What its steps take, and whether the tag and the sums are compared before they act."""
    found = []
    compared = summed = False
    steps = job.get("steps") or []
    for step in steps:
        found += _step(name, job, step)
        compared = compared or _compares_tag(step)
        summed = summed or _compares_sums(step)
        # Nothing may come between the comparison and what depends on it.
        action = step.get("uses", "")
        acts = action and not action.startswith("actions/download-artifact@")
        if _privileged(job) and acts and not (compared and summed):
            found.append(f"{action.partition('@')[0]} runs before the sums are compared")
    if name != "tag" and not compared:
        found.append("does not see whether the tag has moved")
    if name not in ("tag", "build") and not summed:
        found.append("does not compare the sums of the job outputs")
    if name == "publish-python" and not any(
        step.get("uses", "").startswith("pypa/gh-action-pypi-publish@") for step in steps
    ):
        found.append("does not publish from this workflow itself: attestations would be refused")
    return found


def _step(name: str, job: dict[str, Any], step: dict[str, Any]) -> list[str]:
    found = []
    action = step.get("uses", "")
    options = step.get("with") or {}
    if "cache" in action or "cache" in options:
        found.append("uses a cache")
    if action.startswith("actions/checkout@"):
        if _privileged(job):
            found.append("can publish and has a checkout")
        if name != "tag" and options.get("ref") != COMMIT:
            found.append("its checkout is not of the resolved commit")
    if _privileged(job) and "release/" in str(step.get("run", "")):
        found.append("can publish and runs the repository's scripts")
    return found


def _compares_tag(step: dict[str, Any]) -> bool:
    script = str(step.get("run", ""))
    return (step.get("env") or {}).get("COMMIT") == COMMIT and (
        "release/hosted tag-unmoved" in script
        or ("git ls-remote" in script and 'test "$remote" = "$COMMIT"' in script)
    )


def _compares_sums(step: dict[str, Any]) -> bool:
    script = str(step.get("run", ""))
    return (step.get("env") or {}).get("SUMS") == SUMS and (
        "release/hosted" in script
        or ("sha256sum --check --strict" in script and 'diff <(echo "$SUMS")' in script)
    )
