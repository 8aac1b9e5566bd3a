"""What of a module's own metrics somebody has to hear of, where the module is there.

By the namespace of what the module publishes about itself (`Watched`), as AWS's services are: a stack without Flink has
no alert on jobs of Flink.
"""

from collections.abc import Callable, Collection, Mapping

from components.watch.queries import Query
from components.watch.rules import ObjectivesConfig, Rule

_CHECKPOINT_TIMEOUT_MS = 600_000
"""After which Flink gives a checkpoint up. Source: its configuration, `execution.checkpointing.timeout`, 10 min."""


def _flink(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="StreamJobStands",
            query=Query(metric="flink_jobmanager_numRunningJobs", take="min"),
            comparison="<",
            threshold=1,
            minutes=10,
            severity="critical",
            says="A job of Flink does not run, though its manager does.",
            do="Read its status: `kubectl -n flink-jobs get flinkdeployments`, and its manager's logs.",
        ),
        Rule(
            name="StreamCheckpointsSlow",
            query=Query(metric="flink_jobmanager_job_lastCheckpointDuration", take="max"),
            comparison=">",
            threshold=_CHECKPOINT_TIMEOUT_MS / 2,
            minutes=10,
            severity="warning",
            says="A checkpoint of a job of Flink takes half of the time after which it is given up.",
            do="Look on the job's page for back pressure; raise its parallelism, or its workers' CPU.",
        ),
    )


def _pulsar(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="BookieReadOnly",
            query=Query(metric="bookie_SERVER_STATUS", take="min"),
            comparison="<",
            threshold=1,
            minutes=5,
            severity="critical",
            says="A bookie of Pulsar takes no more events: its volume is almost full.",
            do="Raise ledger_gb, which volumes follow while they are used, or lower offload_above_gb.",
        ),
        Rule(
            name="StreamDeliveryLate",
            query=Query(metric="mlops_delivery_age_seconds", take="max"),
            comparison=">",
            # As of Firehose, which delivers other streams.
            threshold=3_600,
            minutes=15,
            severity="critical",
            says="Events of Pulsar reach the lake an hour late, or not at all.",
            do="Read the logs of the worker in namespace stream-delivery.",
        ),
    )


def _seldon(objectives: ObjectivesConfig) -> tuple[Rule, ...]:
    every = Query(metric="seldon_model_infer_total", take="rate")
    return (
        Rule(
            name="SeldonModelsFail",
            query=Query(metric="seldon_model_infer_total", take="rate", where={"code": "5.."}, of=every),
            comparison=">",
            threshold=objectives.error_percent / 100,
            minutes=5,
            severity="critical",
            says="Models in Seldon's pool answer too many requests with an error.",
            do="Read the logs of the pool's servers in namespace seldon-mesh.",
        ),
    )


def _argo(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="WorkflowsRefused",
            query=Query(metric="argo_workflows_error_count", take="increase"),
            comparison=">",
            threshold=0,
            minutes=1,
            severity="warning",
            says="Argo could not start a workflow that was due, or failed itself.",
            do="Read the logs of workflow-controller in namespace kubeflow.",
        ),
    )


def _velero(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="BackupFailed",
            query=Query(metric="velero_backup_failure_total", take="increase"),
            comparison=">",
            threshold=0,
            minutes=1,
            severity="critical",
            says="A backup of the cluster failed: nothing of it can be restored.",
            do="Read its logs, `velero backup logs NAME`, and make another, `velero backup create --from-schedule`.",
        ),
        Rule(
            name="BackupIncomplete",
            query=Query(metric="velero_backup_partial_failure_total", take="increase"),
            comparison=">",
            threshold=0,
            minutes=1,
            severity="warning",
            says="A backup of the cluster lacks some objects or volumes.",
            do="See which: `velero backup describe NAME --details`.",
        ),
    )


def _argo_cd(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="DeliveryFails",
            query=Query(metric="argocd_app_sync_total", take="increase", where={"phase": "Error|Failed"}),
            comparison=">",
            threshold=0,
            minutes=5,
            severity="warning",
            says="Argo CD could not bring onto the cluster what is in the repository.",
            do="Read the application's conditions: `kubectl -n argocd get applications.argoproj.io -o yaml`.",
        ),
    )


def _jupyterhub(_: ObjectivesConfig) -> tuple[Rule, ...]:
    return (
        Rule(
            name="NotebooksDoNotStart",
            query=Query(
                metric="jupyterhub_server_spawn_duration_seconds_count",
                take="increase",
                where={"status": "failure|error"},
            ),
            comparison=">",
            threshold=0,
            minutes=5,
            severity="warning",
            says="Somebody's notebook server did not start.",
            do="Read the events of namespace notebooks: no node of its size, an image that cannot be pulled, a volume.",
        ),
    )


MODULES: Mapping[str, Callable[[ObjectivesConfig], tuple[Rule, ...]]] = {
    "Argo": _argo,
    "ArgoCd": _argo_cd,
    "Flink": _flink,
    "JupyterHub": _jupyterhub,
    "Pulsar": _pulsar,
    "Seldon": _seldon,
    "Velero": _velero,
}
"""Namespace of what a module publishes -> its alerts."""


def of_modules(objectives: ObjectivesConfig, namespaces: Collection[str] = tuple(MODULES)) -> tuple[Rule, ...]:
    """The alerts of the modules that are there; of all, where nobody says which are."""
    return tuple(rule for name in sorted(MODULES) if name in namespaces for rule in MODULES[name](objectives))
