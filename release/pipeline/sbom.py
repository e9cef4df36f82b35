"""One CycloneDX 1.6 bill of materials per artifact, the same bytes for the same sources."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import tomllib

from .base import RELEASE, pins
from .linked import Crate, Graph

# The property of a wheel that is only a preview.
NOT_FOR_RELEASE = "trustbridge:not-for-release"
# What the toolchain links in, beside the crates. A wheel's check looks for both.
TOOLCHAIN = (("rust-std", "MIT OR Apache-2.0"),)


def crate_purl(crate: Crate) -> str:
    return f"pkg:cargo/{crate.name}@{crate.version}"


def document(
    artifact: str,
    purl: str,
    version: str,
    graph: Graph,
    linked_only: bool,
    epoch: int,
    licence: str,
    preview: str | None = None,
) -> str:
    """The bill of materials of `artifact`, whose root crate is the root of the graph.

    A binary contains what is linked (`linked_only`). A source archive also needs what builds it:
    those components have the scope "excluded", which is CycloneDX's word for "not at run time".
    `preview` is the version of a compiler that is not the release's.
    """
    linked = {crate.key for crate in graph.linked()}
    chosen = [
        crate
        for key, crate in sorted(graph.crates.items())
        if key != graph.root and (key in linked or not linked_only)
    ]
    vendored = vendored_projects()
    components = [_component(crate, crate.key in linked, vendored) for crate in chosen]
    names = {crate.key: crate_purl(crate) for crate in chosen} | {graph.root: purl}
    edges = _edges(graph, names)
    if linked_only:
        parts = _toolchain(preview or pins()["rust"]["version"])
        components += parts
        edges += [{"ref": part["bom-ref"], "dependsOn": []} for part in parts]
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "library",
                "bom-ref": purl,
                "name": "trustbridge",
                "version": version,
                "description": artifact,
                "licenses": [{"expression": licence}],
                "purl": purl,
            },
        },
        "components": components,
        "dependencies": edges,
    }
    if preview:
        reason = f"made by rustc {preview} as a preview"
        body["metadata"]["properties"] = [{"name": NOT_FOR_RELEASE, "value": reason}]
    # A serial number is required to be a UUID, not to be random.
    text = json.dumps(body, sort_keys=True)
    body["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def _edges(graph: Graph, names: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    """What each of the named crates depends on, by its reference."""
    edges: list[dict[str, Any]] = []
    for key, ref in sorted(names.items(), key=lambda item: item[1]):
        crate = graph.crates[key]
        targets = crate.normal | crate.build
        edges.append(
            {"ref": ref, "dependsOn": sorted(names[target] for target in targets & names.keys())}
        )
    return edges


def _toolchain(version: str) -> list[dict[str, Any]]:
    """What the toolchain links in."""
    parts = []
    for name, licence in TOOLCHAIN:
        ref = f"pkg:generic/{name}@{version}"
        parts.append(
            {
                "type": "library",
                "bom-ref": ref,
                "name": name,
                "version": version,
                "description": "Linked in by the toolchain; not a crate of Cargo.lock",
                "licenses": [{"expression": licence}],
                "purl": ref,
            }
        )
    return parts


def vendored_projects() -> dict[str, list[dict[str, str]]]:
    """C and assembly inside crates, by crate: written down by hand in deps.toml."""
    policy = tomllib.loads((RELEASE / "deps.toml").read_text())
    return {crate["name"]: crate["vendored"] for crate in policy["crate"] if "vendored" in crate}


def _component(
    crate: Crate, linked: bool, vendored: dict[str, list[dict[str, str]]]
) -> dict[str, Any]:
    ref = crate_purl(crate)
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": ref,
        "name": crate.name,
        "version": crate.version,
        "scope": "required" if linked else "excluded",
        "licenses": [{"expression": crate.licence}],
        "purl": ref,
    }
    if crate.checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    nested = []
    for project in vendored.get(crate.name, []):
        entry = {
            "type": "library",
            "bom-ref": f"{ref}#{project['name']}",
            "name": project["name"],
            "licenses": [{"expression": project["licence"]}],
        }
        if "version" in project:
            entry["version"] = project["version"]
        nested.append(entry)
    if nested:
        component["components"] = nested
    return component
