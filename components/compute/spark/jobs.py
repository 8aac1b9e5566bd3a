"""A job as Spark's operator runs it: the settings of one, and the custom resource that is made of them.

Fields are those of the CRD at v2.5.2; configuration is that of Spark 4.3 and Hadoop 3.5. Sources: the operator's
charts/spark-operator-chart; Spark's "Running Spark on Kubernetes"; Hadoop's "Connecting to an Amazon S3 Bucket".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import pulumi
from pydantic import Field, model_validator

from components.compute import JobConfig, ScheduledConfig, ScoringConfig
from components.kubernetes.scraping import announced
from mlops.core.config import Config
from mlops.core.fields import Form
from mlops.core.fields.kubernetes import Cpu, GroupName, Memory, cores, mebibytes

ROLE = "spark-driver"
"""Role that the chart makes for drivers in the namespaces that it watches; it is called after an account, which jobs
have one each of."""
LABEL = "mlops.platform/job"
REPOSITORY = "spark"
"""Repository of the platform's registry with the image of scoring: `services/spark/Dockerfile`."""
UI_PORT = 4040
"""Where a driver answers, with metrics among others."""
_USER = 185
"""`spark` in the official images."""
_OVERHEAD, _LEAST_MIB = 0.4, 384
"""Memory beside the heap, as Spark reckons it where Python runs: Spark's configuration reference,
spark.kubernetes.memoryOverheadFactor."""
_VERSION = "4.3.0"

MainFile = Annotated[
    str,
    Form(
        r"local:///[A-Za-z0-9._/-]+\.(?:py|jar)",
        "a file of the image, `local:///app/job.py` or `local:///opt/job.jar`",
        most=500,
    ),
]
MainClass = Annotated[str, Form(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", "a Java class with its package", most=500)]
SparkVersion = Annotated[str, Form(r"(?:3\.5|4\.[0-9])\.[0-9]+", "a whole version of Spark, `4.3.0`", most=10)]


class SizesConfig(Config):
    """How many machines a job wants, and how large."""

    driver_cpu: Cpu = "500m"
    """CPU of the driver (Kubernetes quantity)."""
    driver_memory: Memory = "2Gi"
    """Heap of the driver (Kubernetes quantity); its pod asks for 40 % more, which is Python's."""
    executors: int = Field(default=2, ge=1, le=1_000)
    """Executors that a run begins with."""
    most_executors: int = Field(default=4, ge=1, le=1_000)
    """Executors to which it grows while tasks wait."""
    executor_cores: int = Field(default=1, ge=1, le=64)
    """Tasks that an executor works on at a time."""
    executor_cpu: Cpu = "1"
    """CPU of an executor (Kubernetes quantity)."""
    executor_memory: Memory = "2Gi"
    """Heap of an executor (Kubernetes quantity); its pod asks for 40 % more, which is Python's."""
    node_group: GroupName | None = None
    """Node group that it runs on, taints or not; null leaves it to any node without taints."""

    @model_validator(mode="after")
    def _grows(self) -> "SizesConfig":
        if self.most_executors < self.executors:
            raise ValueError(
                f"most_executors is {self.most_executors} and executors {self.executors}; set most_executors to "
                f"{self.executors} or more"
            )
        return self


class SparkScoringConfig(ScoringConfig):
    """Scoring on Spark, by the program of `services/spark` in an image of its Dockerfile, repository `spark`."""

    sizes: SizesConfig = SizesConfig()
    """How many machines it wants, and how large."""


class SparkJobConfig(JobConfig):
    """A job in an image of its own, which is built on the official one of Spark."""

    file: MainFile
    """What is run: `local:///app/job.py`, or a jar."""
    main_class: MainClass | None = None
    """Class whose `main` is run, of a jar."""
    version: SparkVersion = _VERSION
    """Spark's version in the image."""
    sizes: SizesConfig = SizesConfig()
    """How many machines it wants, and how large."""

    @model_validator(mode="after")
    def _classes_are_of_jars(self) -> "SparkJobConfig":
        jar = self.file.endswith(".jar")
        if jar != (self.main_class is not None):
            what = "a jar, and main_class is missing" if jar else "no jar, and main_class is given"
            raise ValueError(f"job {self.name} runs {self.file}, {what}; a jar goes with the class whose main is run")
        return self


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run, whoever it belongs to."""

    name: str
    when: ScheduledConfig
    sizes: SizesConfig
    image: pulumi.Input[str]
    file: str
    arguments: Sequence[pulumi.Input[str]]
    variables: Mapping[str, pulumi.Input[str]]
    secret: pulumi.Input[str] | None = None
    """Name of the Secret whose keys are further variables."""
    version: str = _VERSION
    main_class: str | None = None


def operator_values(namespace: pulumi.Input[str], part: Mapping[str, object], replicas: int) -> dict[str, object]:
    """Helm values of the operator: one namespace to watch. Its pods pass the standard `restricted` by themselves."""
    both = {**part, "replicas": replicas, "podDisruptionBudget": {"enable": replicas > 1}}
    return {
        "controller": {**both, "uiService": {"enable": False}},
        "webhook": both,
        "spark": {"jobNamespaces": [namespace], "serviceAccount": {"create": False, "name": ROLE}},
    }


def scheduled(program: Program, account: pulumi.Input[str], place: Mapping[str, object]) -> dict[str, object]:
    """Spec of the ScheduledSparkApplication. A run that is late is not joined by the next one."""
    return {
        "schedule": program.when.schedule,
        "timeZone": "UTC",
        "suspend": program.when.paused,
        "concurrencyPolicy": "Forbid",
        "successfulRunHistoryLimit": 3,
        "failedRunHistoryLimit": 3,
        "template": _application(program, account, place),
    }


def _application(program: Program, account: pulumi.Input[str], place: Mapping[str, object]) -> dict[str, object]:
    sizes = program.sizes
    python = program.file.endswith(".py")
    run: dict[str, object] = {
        "type": "Python" if python else "Java",
        "mode": "cluster",
        "image": program.image,
        "sparkVersion": program.version,
        "mainApplicationFile": program.file,
        "arguments": list(program.arguments),
        "sparkConf": configuration(sizes),
        "restartPolicy": {
            "type": "OnFailure",
            "onFailureRetries": 2,
            "onFailureRetryInterval": 60,
            "onSubmissionFailureRetries": 2,
            "onSubmissionFailureRetryInterval": 60,
        },
        "driver": {
            **_pod(program, place, driver=True),
            **_heap(sizes.driver_memory),
            "cores": max(1, int(cores(sizes.driver_cpu))),
            "coreRequest": sizes.driver_cpu,
            "serviceAccount": account,
        },
        "executor": {
            **_pod(program, place, driver=False),
            **_heap(sizes.executor_memory),
            "cores": sizes.executor_cores,
            "coreRequest": sizes.executor_cpu,
            "instances": sizes.executors,
            "serviceAccount": account,
        },
        "dynamicAllocation": {
            "enabled": True,
            "initialExecutors": sizes.executors,
            "minExecutors": sizes.executors,
            "maxExecutors": sizes.most_executors,
        },
    }
    if python:
        run["pythonVersion"] = "3"
    if program.main_class:
        run["mainClass"] = program.main_class
    return run


def configuration(sizes: SizesConfig) -> dict[str, str]:
    """Spark's and Hadoop's own: the lake by the pod's identity, and no marker beside the files, which the loop reads
    one and all when a person is erased."""
    return {
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.ContainerCredentialsProvider"
        ),
        "spark.hadoop.fs.s3a.path.style.access": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        # Without a service of its own for shuffles, an executor is kept while others may read what it holds.
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.kubernetes.executor.deleteOnTermination": "true",
        "spark.ui.prometheus.enabled": "true",
    }


def _heap(memory: str) -> dict[str, object]:
    """Spark's own words, in which `m` is MiB."""
    heap = round(mebibytes(memory))
    return {"memory": f"{heap}m", "memoryOverhead": f"{max(_LEAST_MIB, round(heap * _OVERHEAD))}m"}


def _pod(program: Program, place: Mapping[str, object], *, driver: bool) -> dict[str, object]:
    """What drivers and executors have in common. A driver says how its executors are as well."""
    return {
        **place,
        "labels": {LABEL: program.name},
        "annotations": {
            # What a run has computed goes with its pods: the autoscaler leaves them where they are.
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            **(announced(UI_PORT, "/metrics/executors/prometheus/") if driver else {}),
        },
        "env": [{"name": name, "value": value} for name, value in program.variables.items()],
        **({"envFrom": [{"secretRef": {"name": program.secret}}]} if program.secret is not None else {}),
        "podSecurityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
