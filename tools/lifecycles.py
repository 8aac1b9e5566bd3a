"""Derives `mlops/core/data/lifecycles.json`: since when and until when each minor version of what the platform deploys
is supported by those who make it, and which versions of Kubernetes it is made for.

The dates are those of https://endoflife.date, whose repository is published under the MIT licence. To read them again:

    git clone --depth 1 https://github.com/endoflife-date/endoflife.date
    .venv/bin/python tools/lifecycles.py endoflife.date
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parent.parent / "mlops" / "core" / "data" / "lifecycles.json"
PRODUCTS = (
    "amazon-eks",
    "amazon-msk",
    "amazon-rds-postgresql",
    "apache-airflow",
    "apache-flink",
    "apache-kafka",
    "apache-pulsar",
    "apache-spark",
    "argo-cd",
    "argo-workflows",
    "aws-lambda",
    "cert-manager",
    "fluent-bit",
    "grafana",
    "grafana-loki",
    "hashicorp-vault",
    "istio",
    "karpenter",
    "keda",
    "knative",
    "prometheus",
    "python",
    "valkey",
)
"""What the platform deploys, or runs on, of which somebody says how long it is supported."""
KEPT = 8
"""Minor versions of each, the newest first: what is older than that is not to be deployed any more."""
_RANGE = ("supportedKubernetesVersions", "supportedKubernetesVersion", "supportedK8sVersions")


def cycles(product: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The minor versions of a product; what nobody has said is left out."""
    for release in product["releases"][:KEPT]:
        least = release.get("minK8sVersion")
        made_for = next((release[key] for key in _RANGE if key in release), f"{least} -" if least else None)
        found = {
            "cycle": release["releaseCycle"],
            "released": release["releaseDate"],
            "until": release["eol"] or None,
            "extended_until": release.get("eoes") or None,
            "latest": release.get("latest"),
            "kubernetes": re.sub(r"\s+", "", made_for) if made_for else None,
        }
        yield {key: str(value) for key, value in found.items() if value not in (None, True)}


def main(checkout: Path) -> None:
    """Write the table."""
    run = subprocess.run(
        ["git", "-C", str(checkout), "log", "-1", "--format=%H %cs"], capture_output=True, text=True, check=True
    )
    commit, day = run.stdout.split()
    found = {}
    for name in PRODUCTS:
        page = (checkout / "products" / f"{name}.md").read_text(encoding="utf-8")
        found[name] = [*cycles(yaml.safe_load(page.split("\n---", 1)[0].removeprefix("---")))]
    source = f"https://github.com/endoflife-date/endoflife.date, commit {commit}, MIT licence"
    TABLE.write_text(json.dumps({"source": source, "as_of": day, "products": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
