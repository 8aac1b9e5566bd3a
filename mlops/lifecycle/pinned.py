"""The versions that a stack pins: of what AWS runs, of charts, of images and of the program's own libraries."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from mlops.core import lifecycles, versions
from mlops.plan.graph import Graph, Node
from mlops.plan.workloads import workloads

Kind = Literal["AWS", "chart", "image", "SDK"]

RELEASE = "kubernetes:helm.sh/v3:Release"
_LIBRARIES = ("pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes", "pulumi-random", "pydantic")
_OWN_IMAGE = re.compile(r"\.dkr\.ecr\.|^\[|^$")
"""Images that the platform builds itself: their versions are the project's."""


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """One version that a stack asks for."""

    kind: Kind
    what: str
    """What has it: `EKS`, `cert-manager`."""
    version: str
    """As it is asked for; empty where AWS or the chart chooses."""
    app: str = ""
    """The version of the product that it brings, where that is another one: a chart's are."""
    product: str = ""
    """The product's name in the table of lifecycles; empty where nobody publishes one."""
    resources: tuple[str, ...] = field(default=())
    """Names of the resources that ask for it."""
    released: date | None = None

    @property
    def cycle(self) -> lifecycles.Cycle | None:
        """The minor version that it is of, where that is known."""
        return lifecycles.cycle_of(self.product, self.app or self.version) if self.product else None


def pinned(graph: Graph, lock: Path | None = None) -> tuple[Pinned, ...]:
    """Every version of a stack, each once, in the order of what it is under.

    Args:
        lock: the project's `uv.lock`, for the libraries that the program runs on.
    """
    found = [*_of_aws(graph), *_of_charts(graph), *_of_images(graph)]
    merged: dict[tuple[str, str, str], Pinned] = {}
    for one in found:
        key = (one.kind, one.what, one.version)
        known = merged.get(key)
        merged[key] = replace(known, resources=(*known.resources, *one.resources)) if known else one
    return (*merged.values(), *(_libraries(lock) if lock and lock.is_file() else ()))


def _of_aws(graph: Graph) -> Iterator[Pinned]:
    for type_, read in _READERS.items():
        for node in graph.of_type(type_):
            what, version, product = read(node)
            if version or product:
                yield Pinned(kind="AWS", what=what, version=version, product=product, resources=(node.name,))


def _reader(what: str, path: str, product: str = "") -> Callable[[Node], tuple[str, str, str]]:
    return lambda node: (what, node.at(path).text(), product)


def _database(node: Node) -> tuple[str, str, str]:
    engine = node.at("engine").text()
    return (
        {"postgres": "RDS for PostgreSQL"}.get(engine, f"RDS {engine}"),
        node.at("engineVersion").text(),
        (lifecycles.POSTGRES if engine == "postgres" else ""),
    )


def _addon(node: Node) -> tuple[str, str, str]:
    return f"EKS add-on {node.at('addonName').text()}", node.at("addonVersion").text() or _AWS_CHOOSES, ""


def _runtime(node: Node) -> tuple[str, str, str]:
    runtime = node.at("runtime").text()
    return "Lambda runtime", runtime, "aws-lambda" if runtime else ""


def _managed_flink(node: Node) -> tuple[str, str, str]:
    version = node.at("runtimeEnvironment").text().removeprefix("FLINK-").replace("_", ".")
    return "Managed Service for Apache Flink", version, "apache-flink"


def _broker(node: Node) -> tuple[str, str, str]:
    return "MSK", node.at("kafkaVersion").text().removesuffix(".kraft"), "amazon-msk"


def _flink(node: Node) -> tuple[str, str, str]:
    version = node.at("spec.flinkVersion").text().removeprefix("v").replace("_", ".")
    return "Flink", version, "apache-flink"


_AWS_CHOOSES = "AWS's default"
_READERS: Mapping[str, Callable[[Node], tuple[str, str, str]]] = {
    "aws:eks/cluster:Cluster": _reader("EKS", "version", lifecycles.EKS),
    "aws:eks/nodeGroup:NodeGroup": _reader("EKS nodes", "version", lifecycles.EKS),
    "aws:eks/addon:Addon": _addon,
    "aws:rds/instance:Instance": _database,
    "aws:msk/cluster:Cluster": _broker,
    "aws:elasticache/serverlessCache:ServerlessCache": _reader("ElastiCache for Valkey", "majorEngineVersion"),
    "aws:kinesisanalyticsv2/application:Application": _managed_flink,
    "aws:lambda/function:Function": _runtime,
    "aws:mwaa/environment:Environment": _reader("MWAA", "airflowVersion", "apache-airflow"),
    "kubernetes:flink.apache.org/v1beta1:FlinkDeployment": _flink,
}
"""Type -> what it is called, the version that it asks for, and the product."""


def _of_charts(graph: Graph) -> Iterator[Pinned]:
    known = {one.name: one for one in vars(versions).values() if isinstance(one, versions.Chart)}
    for node in graph.of_type(RELEASE):
        chart, version = node.at("chart").text(), node.at("version").text()
        entry = known.get(chart)
        same = entry is not None and entry.version == version
        yield Pinned(
            kind="chart",
            what=chart.rpartition("/")[2],
            version=version,
            app=entry.app if entry and same else "",
            product=entry.product if entry else "",
            released=entry.released if entry and same else None,
            resources=(node.name,),
        )


def _of_images(graph: Graph) -> Iterator[Pinned]:
    for one in workloads(graph):
        name, _, tag = one.image.partition("@")[0].rpartition(":")
        if name and not _OWN_IMAGE.search(one.image):
            yield Pinned(kind="image", what=name, version=tag, resources=(one.name,))


def _libraries(lock: Path) -> Iterator[Pinned]:
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        if package["name"] in _LIBRARIES:
            files = [package["sdist"]] if "sdist" in package else package.get("wheels", ())
            day = next((one["upload-time"] for one in files if "upload-time" in one), None)
            released = date.fromisoformat(str(day)[:10]) if day else None
            yield Pinned(kind="SDK", what=package["name"], version=package["version"], released=released)
