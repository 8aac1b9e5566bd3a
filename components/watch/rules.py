"""What somebody has to hear of, how soon, and what to do: the alerts, as data, for whoever raises them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from components.watch.metrics import CATALOGUE
from components.watch.queries import Query
from mlops.core.config import Config

Severity = Literal["critical", "warning", "info"]
"""critical: somebody gets up. warning: somebody looks today. info: it is on the dashboard."""
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
Comparison = Literal[">", "<"]

_WORDS = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_HOUR, _DAY = 3_600, 86_400


class ObjectivesConfig(Config):
    """What is promised of answers and data; an alert is raised where it is not kept."""

    p95_ms: int = Field(default=250, ge=1, le=60_000)
    """Milliseconds within which 95 of 100 answers of the recommender are there."""
    error_percent: float = Field(default=5.0, gt=0, le=100)
    """Share of the recommender's answers that may be errors of its own (status 500 and more), in percent."""
    quality_percent: float = Field(default=95.0, gt=0, le=100)
    """Share of the rows that must pass every expectation, in percent."""
    drift_percent: float = Field(default=30.0, gt=0, le=100)
    """Share of the watched columns that may drift, in percent."""
    champion_days: int = Field(default=30, ge=1, le=3_650)
    """Age that the model that answers may reach, in days."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An alert on what pods and nodes expose."""

    name: str
    """In the words of PagerDuty and Slack: `RecommenderFails`."""
    query: Query
    comparison: Comparison
    threshold: float
    minutes: int
    """For which it must hold."""
    severity: Severity
    says: str
    """One sentence: what is wrong."""
    do: str
    """One sentence: where to look first."""

    @property
    def promql(self) -> str:
        """The expression that yields something while the alert holds."""
        expression = self.query.promql
        whole = f"({expression})" if self.query.take in ("age", "until") else expression
        return f"{whole} {self.comparison} {self.threshold:.12g}"


def physical(name: str) -> str:
    """A name of people or of CloudWatch as names of resources are written: `GetRecords.IteratorAge` is
    `get-records-iterator-age`."""
    return _WORDS.sub("-", name).strip("-").lower()


def rules(objectives: ObjectivesConfig) -> tuple[Rule, ...]:
    """All alerts on scraped metrics: of the recommender and its loop, of the cluster under them."""
    return (*_of_answers(objectives), *_of_the_loop(objectives), *_of_the_cluster())


def _of_answers(objectives: ObjectivesConfig) -> Iterator[Rule]:
    every = Query(metric="http_requests_total", take="rate")
    failed = Query(metric="http_requests_total", take="rate", where={"status": "5.."}, of=every)
    yield Rule(
        name="RecommenderFails",
        query=failed,
        comparison=">",
        threshold=objectives.error_percent / 100,
        minutes=5,
        severity="critical",
        says="The recommender answers too many requests with an error of its own.",
        do="Read its logs; if a new model came in just before, roll back: `python -m pipelines rollback`.",
    )
    yield Rule(
        name="RecommenderSlow",
        query=Query(metric="http_request_duration_seconds", take="quantile"),
        comparison=">",
        threshold=objectives.p95_ms / 1_000,
        minutes=10,
        severity="critical",
        says="95 of 100 answers take longer than promised.",
        do="Look at replicas and CPU on the dashboard Platform; raise max_replicas if all are busy.",
    )
    yield Rule(
        name="RegistryUnreachable",
        query=Query(metric="recommender_registry_up", take="min"),
        comparison="<",
        threshold=1,
        minutes=15,
        severity="warning",
        says="The recommender does not reach the model registry, and answers with the model that it has.",
        do="Look whether MLflow runs and whether a champion is set.",
    )
    yield Rule(
        name="EventsLost",
        query=Query(metric="recommender_events_total", take="increase", where={"outcome": "lost"}),
        comparison=">",
        threshold=0,
        minutes=1,
        severity="critical",
        says="Events could not be written to the stream and are gone.",
        do="Look at the stream's limits and at the recommender's rights on it.",
    )


def _of_the_loop(objectives: ObjectivesConfig) -> Iterator[Rule]:
    yield Rule(
        name="LoopStands",
        query=Query(metric="mlops_worker_last_look_timestamp_seconds", take="age"),
        comparison=">",
        threshold=6 * _HOUR,
        minutes=15,
        severity="critical",
        says="The loop has not looked for six hours: nobody watches drift, and nothing is trained.",
        do=_WORKER,
    )
    for name, metric, comparison, threshold, says, do in _latest(objectives):
        info = name in _ON_THE_DASHBOARD
        by = tuple(label for label in CATALOGUE[metric].labels if label == "kind")
        yield Rule(
            name=name,
            query=Query(metric=metric, take="max" if comparison == ">" else "min", by=by),
            comparison=comparison,
            threshold=threshold,
            minutes=15,
            severity="info" if info else "warning",
            says=says,
            do=do,
        )


_WORKER = "Read the worker's logs in namespace recommender."
_ON_THE_DASHBOARD = ("ChampionOld", "PersonalDataFound")


def _latest(objectives: ObjectivesConfig) -> Iterator[tuple[str, str, Comparison, float, str, str]]:
    """Of the loop's last look: name, metric, what it must not be, what is wrong, what to do."""
    p95, drift, quality = objectives.p95_ms / 1_000, objectives.drift_percent / 100, objectives.quality_percent / 100
    look = "Look at replicas and CPU on the dashboard Platform."
    moved = "The loop trains again by itself; the dashboard Model Performance says which columns moved."
    report = "Read the last report under quality/ in the curated zone."
    yield "LoopFails", "mlops_worker_failures_in_a_row", ">", 2, "The loop failed three times in a row.", _WORKER
    yield "AnswersSlow", "mlops_serving_p95_seconds", ">", p95, "The loop measured answers slower than promised.", look
    yield "DataDrifts", "mlops_drift_share", ">", drift, "The events are other than those of the training.", moved
    yield "DataPoor", "mlops_data_quality", "<", quality, "Too many rows break an expectation.", report
    yield "FeaturesOld", "mlops_feature_age_seconds", ">", _DAY, "Features are more than a day old.", _WORKER
    says, do = "The newest event is more than a day old.", "Look whether producers still write to the stream."
    yield "EventsStopped", "mlops_newest_event_age_seconds", ">", _DAY, says, do
    says, do = "Three trainings in a row brought no better model.", "Read the gate's reasons in the runs in MLflow."
    yield "TrainingInVain", "mlops_trainings_refused", ">", 2, says, do
    says, do = "The loop found what no training mends.", "Read the warning in the worker's logs."
    yield "LoopWarns", "mlops_warning", ">", 0, says, do
    oldest, do = objectives.champion_days * _DAY, "See whether trainings are refused."
    yield "ChampionOld", "mlops_champion_age_seconds", ">", oldest, "The model that answers is old.", do
    says, do = "Personal data came with the last rows, and was hidden or put aside.", "Tell who sends the events."
    yield "PersonalDataFound", "mlops_personal_data", ">", 0, says, do


def _of_the_cluster() -> Iterator[Rule]:
    yield Rule(
        name="NodeNotReady",
        query=Query(
            metric="kube_node_status_condition",
            take="min",
            by=("node",),
            where={"condition": "Ready", "status": "true"},
        ),
        comparison="<",
        threshold=1,
        minutes=10,
        severity="critical",
        says="A node is not ready, and its pods may be gone.",
        do="`kubectl describe node`; EKS replaces a node that its health check gives up.",
    )
    yield Rule(
        name="PodRestarts",
        query=Query(metric="kube_pod_container_status_restarts_total", take="increase", by=("namespace", "pod")),
        comparison=">",
        threshold=3,
        minutes=5,
        severity="warning",
        says="A pod starts again and again.",
        do="`kubectl logs --previous`.",
    )
    yield Rule(
        name="ReplicasMissing",
        query=Query(metric="kube_deployment_status_replicas_unavailable", take="max", by=("namespace", "deployment")),
        comparison=">",
        threshold=0,
        minutes=20,
        severity="warning",
        says="A Deployment has fewer pods than it should.",
        do="`kubectl describe pod`: no room on nodes, no image, or a probe that fails.",
    )
    claim = ("namespace", "persistentvolumeclaim")
    yield Rule(
        name="VolumeFull",
        query=Query(
            metric="kubelet_volume_stats_available_bytes",
            take="min",
            by=claim,
            of=Query(metric="kubelet_volume_stats_capacity_bytes", take="min", by=claim),
        ),
        comparison="<",
        threshold=0.1,
        minutes=15,
        severity="critical",
        says="A volume is more than nine tenths full.",
        do="Raise the size in the settings: volumes of the platform's class grow while they are used.",
    )
    yield Rule(
        name="NodeMemoryShort",
        query=Query(
            metric="node_memory_MemAvailable_bytes",
            take="min",
            by=("instance",),
            of=Query(metric="node_memory_MemTotal_bytes", take="min", by=("instance",)),
        ),
        comparison="<",
        threshold=0.05,
        minutes=15,
        severity="warning",
        says="A node has almost no memory left.",
        do="Raise requests of what uses more than it asked for, or the nodes' size.",
    )
    yield Rule(
        name="NotScraped",
        query=Query(metric="up", take="min", by=("namespace", "pod")),
        comparison="<",
        threshold=1,
        minutes=15,
        severity="warning",
        says="A pod that says it has metrics does not hand them out.",
        do="Look whether it runs, and whether its network policy lets the scraper in.",
    )
    yield Rule(
        name="CertificateEnds",
        query=Query(
            metric="certmanager_certificate_expiration_timestamp_seconds", take="until", by=("namespace", "name")
        ),
        comparison="<",
        threshold=7 * _DAY,
        minutes=60,
        severity="critical",
        says="A certificate ends within a week and was not renewed.",
        do="`kubectl describe certificate`.",
    )
    yield Rule(
        name="AccessRefused",
        query=Query(metric="apiserver_request_total", take="rate", where={"code": "403"}),
        comparison=">",
        threshold=1,
        minutes=15,
        severity="warning",
        says="The Kubernetes API refuses somebody more than once a second.",
        do="Find out who in the cluster's audit log.",
    )
