"""Verifies a PEP 740 provenance file: `attestation.py PROVENANCE FILE REPOSITORY WORKFLOW ENV`.

A program of its own, because it needs the packages of scripts/requirements/release/verify.txt.
"""

import os
import sys
from pathlib import Path

from pypi_attestations import AttestationError, Distribution, GitHubPublisher, Provenance


def main(arguments: list[str]) -> int:
    provenance_file, file, repository, workflow, environment = arguments
    # The publisher that we expect, not the one that the index names.
    wanted = GitHubPublisher(repository=repository, workflow=workflow, environment=environment)
    distribution = Distribution.from_file(Path(file))
    offline = os.environ.get("TRUSTBRIDGE_RELEASE_OFFLINE") == "1"
    try:
        provenance = Provenance.model_validate_json(Path(provenance_file).read_bytes())
        kinds = []
        for bundle in provenance.attestation_bundles:
            if bundle.publisher != wanted:
                print(f"it is by {bundle.publisher}")
                return 1
            for attestation in bundle.attestations:
                kind, _ = attestation.verify(wanted, distribution, offline=offline)
                kinds.append(kind)
    except (AttestationError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    if not kinds:
        print("it is empty")
        return 1
    print(f"{', '.join(kinds)} by {repository}, {workflow}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
