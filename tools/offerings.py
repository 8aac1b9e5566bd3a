"""Derives `mlops/core/data/offerings.json`: which region offers which EC2 instance type, which class for PostgreSQL and
which instance type for SageMaker's endpoints and jobs.

Two published lists are held against each other: cfn-lint's, which is made from AWS's price list and has every region,
and moto's, which is made from DescribeInstanceTypeOfferings and has fewer. What either of them offers is taken, because
each is older than the other somewhere; the differences are printed. Neither package is needed to run the platform:

    python -m venv /tmp/offerings && /tmp/offerings/bin/pip install cfn-lint moto botocore
    .venv/bin/python tools/offerings.py /tmp/offerings/lib/python3*/site-packages
"""

import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "mlops" / "core" / "data" / "offerings.json"
VERSIONS = ("15", "16", "17", "18")
_COMMERCIAL = re.compile(r"(?!cn-|us-gov-|us-iso|eu-iso|eusc-)[a-z]{2}-[a-z]+-[0-9]")

SAGEMAKER = {
    "sagemaker_endpoints": ("hosting", "ProductionVariantInstanceType"),
    "sagemaker_jobs": ("processing", "ProcessingInstanceType"),
}
"""Kind of the table -> what cfn-lint calls it, and the API's enumeration: cfn-lint's lists are made from the price
list, which has types that the API does not take."""

Offered = Mapping[str, set[str]]
"""Names by region."""


def cfn_lint(packages: Path) -> tuple[Offered, Offered, dict[str, set[str]]]:
    """Instance types by region, classes of PostgreSQL by region, and those classes by major version."""
    data = packages / "cfnlint" / "data" / "schemas" / "extensions"
    classes = _json(data / "aws_rds_dbinstance" / "dbinstanceclass_enum.json")
    return (
        _enumerated(data / "aws_ec2_instance"),
        {
            region: {name for _, names in _of_postgres(row) for name in names}
            for region, row in classes.items()
            if _COMMERCIAL.fullmatch(region)
        },
        _by_version(_json(data / "aws_rds_dbinstance" / "db_instance_class.json")),
    )


def sagemaker(packages: Path, botocore: Path) -> dict[str, Offered]:
    """Instance types by region that the API takes, for each kind of the table."""
    model = max((botocore / "botocore" / "data" / "sagemaker").glob("*/service-2.json.gz"))
    shapes = json.loads(gzip.decompress(model.read_bytes()))["shapes"]
    data = packages / "cfnlint" / "data" / "schemas" / "extensions"
    found = {}
    for kind, (name, enumeration) in SAGEMAKER.items():
        taken = set(shapes[enumeration]["enum"])
        offered = _enumerated(data / f"aws_sagemaker_{name}")
        found[kind] = {region: names & taken for region, names in offered.items()}
    return found


def _enumerated(folder: Path) -> Offered:
    rows = _json(folder / "instancetype_enum.json")
    return {region: set(row.get("enum", ())) for region, row in rows.items() if _COMMERCIAL.fullmatch(region)}


def _of_postgres(schema: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Pattern of the engine's version, empty for any, and the classes that it has."""
    for rule in schema.get("allOf", ()):
        properties = rule["if"]["properties"]
        if properties.get("Engine", {}).get("const") == "postgres":
            yield (
                properties.get("EngineVersion", {}).get("pattern", ""),
                rule["then"]["properties"]["DBInstanceClass"]["enum"],
            )


def _by_version(schema: Mapping[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for pattern, names in _of_postgres(schema):
        for version in VERSIONS:
            # A pattern is of one minor version, `^(17\.10\..+|17\.10)$`; what some minor version has is offered.
            if re.match(rf"\^\({version}\\\.[1-9][0-9]*\\\.", pattern):
                found[version].update(names)
    return found


def moto(packages: Path) -> Offered:
    """Instance types by region, whatever zone has them."""
    folder = packages / "moto" / "ec2" / "resources" / "instance_type_offerings" / "region"
    return {
        path.name.removesuffix(".json.gz"): {
            row["InstanceType"] for row in json.loads(gzip.decompress(path.read_bytes()))
        }
        for path in sorted(folder.glob("*.json.gz"))
    }


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def grouped(offered: Offered) -> dict[str, str]:
    """Regions, in words, by the names that just these regions offer: one row for names that go together."""
    regions_of: dict[str, list[str]] = defaultdict(list)
    for region in sorted(offered):
        for name in offered[region]:
            regions_of[name].append(region)
    rows: dict[str, list[str]] = defaultdict(list)
    for name, regions in sorted(regions_of.items()):
        rows[" ".join(regions)].append(name)
    return {" ".join(names): regions for regions, names in sorted(rows.items(), key=lambda row: row[1])}


def for_postgres(classes: Offered, by_version: Mapping[str, set[str]]) -> Offered:
    """Classes by region that a PostgreSQL of the catalogue runs on; the price list also has those of long ago."""
    kept = by_version[VERSIONS[0]]
    if different := [version for version in VERSIONS if by_version[version] != kept]:
        raise SystemExit(
            f"PostgreSQL {', '.join(different)} has other classes than {VERSIONS[0]}: the table needs versions"
        )
    return {region: names & kept for region, names in classes.items()}


def main(packages: list[Path]) -> None:
    """Write the table, and say where the two lists differ."""
    lint = next(path for path in packages if (path / "cfnlint").is_dir())
    other = next(path for path in packages if (path / "moto").is_dir())
    aws = next(path for path in packages if (path / "botocore").is_dir())
    types, classes, by_version = cfn_lint(lint)
    measured = moto(other)
    for region, names in types.items():
        there = measured.get(region)
        if there is None:
            sys.stdout.write(f"{region}: not in moto\n")
        else:
            sys.stdout.write(
                f"{region}: in moto alone {sorted(there - names)}; in cfn-lint alone {len(names - there)}\n"
            )
    # Macs run no Kubernetes.
    union = {
        region: {name for name in names | measured.get(region, set()) if not name.startswith("mac")}
        for region, names in types.items()
    }
    table = {
        "sources": [_version(lint, "cfn_lint"), _version(other, "moto"), _version(aws, "botocore")],
        "instance_types": grouped(union),
        "database_classes": grouped(for_postgres(classes, by_version)),
        **{kind: grouped(offered) for kind, offered in sagemaker(lint, aws).items()},
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _version(packages: Path, name: str) -> str:
    found = next(packages.glob(f"{name}-*.dist-info"))
    return found.name.removesuffix(".dist-info").replace("_", "-")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
