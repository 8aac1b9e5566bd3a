"""One question to the metrics, in the languages of those who answer: PromQL, Datadog's, CloudWatch's.

A question is written once, as data; what a language cannot ask is None there, and whoever uses it leaves it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.watch.metrics import CATALOGUE, OF_WORKLOADS

Take = Literal["sum", "max", "min", "avg", "rate", "increase", "age", "until", "quantile"]
"""sum to avg: of the latest values. rate: a second, over five minutes. increase: within a quarter of an hour. age and
until: seconds since and until a timestamp. quantile: of a histogram, over five minutes."""

_RATE, _INCREASE = "5m", "15m"
_CLUSTER = "ClusterName"
_TAGS = {
    "namespace": "kube_namespace",
    "pod": "pod_name",
    "deployment": "kube_deployment",
    "container": "kube_container_name",
}
"""What Datadog calls labels of Kubernetes' own. Source: its documentation, "Kubernetes Tag Extraction"."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A number, or one for each value of some labels.

    Raises:
        ValueError: a metric or label that nobody exposes.
    """

    metric: str
    take: Take
    by: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    """Label -> the value that it has; a dot at its end stands for any character, as in `5..`."""
    of: "Query | None" = None
    """What it is divided by."""
    quantile: float = 0.95

    def __post_init__(self) -> None:
        known = CATALOGUE.get(self.metric)
        if known is None:
            raise ValueError(f"{self.metric} is exposed by nobody that components/watch/metrics.py knows")
        if strange := ({*self.by, *self.where} - {*known.labels, "instance"}):
            raise ValueError(f"{self.metric} has no label {', '.join(sorted(strange))}")
        if (self.take == "quantile") != (known.type == "histogram"):
            raise ValueError(f"{self.metric} is a {known.type}, of which {self.take} says nothing")
        if (self.take in ("rate", "increase")) != (known.type == "counter"):
            raise ValueError(f"{self.metric} is a {known.type}, of which {self.take} says nothing")

    @property
    def scope(self) -> Mapping[str, str]:
        """`where`, and the container that is meant where a metric has a name that others may use."""
        container = CATALOGUE[self.metric].container
        return {**({"container": container} if container else {}), **self.where}

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that it asks for."""
        return frozenset({self.metric}) | (self.of.metrics if self.of else frozenset())

    @property
    def promql(self) -> str:
        """For Prometheus and Grafana."""
        own = self._promql()
        return f"{own} / {self.of.promql}" if self.of else own

    def _promql(self) -> str:
        selector = ",".join(f'{label}=~"{value}"' for label, value in sorted(self.scope.items()))
        series = f"{self.metric}{{{selector}}}" if selector else self.metric
        by = f" by ({', '.join(self.by)})" if self.by else ""
        match self.take:
            case "rate":
                return f"sum{by} (rate({series}[{_RATE}]))"
            case "increase":
                return f"sum{by} (increase({series}[{_INCREASE}]))"
            case "age":
                return f"time() - max{by} ({series})"
            case "until":
                return f"min{by} ({series}) - time()"
            case "quantile":
                bucket = series.replace(self.metric, f"{self.metric}_bucket", 1)
                buckets = ", ".join(("le", *self.by))
                return f"histogram_quantile({self.quantile:g}, sum by ({buckets}) (rate({bucket}[{_RATE}])))"
            case _:
                return f"{self.take}{by} ({series})"

    @property
    def datadog(self) -> str | None:
        """For Datadog, whose OpenMetrics check ends counters in `.count` and keeps histograms as distributions. It
        knows no moment that goes on, and calls by its own names what its agent measures by itself."""
        own = self._datadog()
        other = self.of.datadog if self.of else ""
        if own is None or other is None:
            return None
        return f"{own} / {other}" if other else own

    def _datadog(self) -> str | None:
        name = self.metric if self.metric in OF_WORKLOADS else CATALOGUE[self.metric].datadog
        if not name or self.take in ("age", "until"):
            return None
        scope = ",".join(f"{_tag(label)}:{_pattern(value)}" for label, value in sorted(self.scope.items())) or "*"
        by = f" by {{{','.join(map(_tag, self.by))}}}" if self.by else ""
        match self.take:
            case "rate" | "increase":
                end = ".as_rate()" if self.take == "rate" else ".as_count()"
                return f"sum:{name.removesuffix('_total')}.count{{{scope}}}{by}{end}"
            case "quantile":
                return f"p{self.quantile * 100:g}:{name}{{{scope}}}{by}"
            case _:
                return f"{self.take}:{name}{{{scope}}}{by}"

    @property
    def dimensions(self) -> tuple[str, ...] | None:
        """The dimensions under which CloudWatch must keep the metric to answer; None where it cannot. Only what it
        keeps as one number, without a pattern or a division, can be asked."""
        exact = self.metric in OF_WORKLOADS and not any("." in value for value in self.scope.values())
        can = exact and self.of is None and self.take not in ("age", "until", "quantile")
        return (_CLUSTER, *sorted({*self.by, *self.scope})) if can else None

    @property
    def statistic(self) -> str:
        """CloudWatch's word. Its agent hands on what counters gained since the scrape before."""
        return {"max": "Maximum", "min": "Minimum", "avg": "Average"}.get(self.take, "Sum")


def _tag(label: str) -> str:
    return _TAGS.get(label, label)


def _pattern(value: str) -> str:
    """A tag's value takes a star where a regular expression takes any characters."""
    return f"{value.rstrip('.')}*" if "." in value else value
