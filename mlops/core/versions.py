"""The dated catalogue of versions: what the platform deploys, since when, and until when AWS supports it.

Dates of EKS: endoflife.date, repository commit a70eca337 (2026-08-22). RDS and MSK: cfn-lint 1.58.0 data
and the AWS guides (2026-11). Charts: each project's own repository at the tag named by its version.
"""

from dataclasses import dataclass
from datetime import date

CATALOGUE_DATE = date(2026, 11, 20)
"""The day on which this file was last held against its sources."""


@dataclass(frozen=True, kw_only=True)
class KubernetesRelease:
    """One Kubernetes minor version on EKS."""

    version: str
    standard_until: date
    extended_until: date
    """Extended support costs about six times the standard control plane price."""


EKS = {
    release.version: release
    for release in (
        KubernetesRelease(version="1.36", standard_until=date(2027, 8, 2), extended_until=date(2028, 8, 2)),
        KubernetesRelease(version="1.35", standard_until=date(2027, 3, 27), extended_until=date(2028, 3, 27)),
        KubernetesRelease(version="1.34", standard_until=date(2026, 12, 2), extended_until=date(2027, 12, 2)),
        KubernetesRelease(version="1.33", standard_until=date(2026, 7, 29), extended_until=date(2027, 7, 29)),
        KubernetesRelease(version="1.32", standard_until=date(2026, 3, 23), extended_until=date(2027, 3, 23)),
        KubernetesRelease(version="1.31", standard_until=date(2025, 11, 26), extended_until=date(2026, 11, 26)),
    )
}
EKS_DEFAULT = "1.35"
"""The newest that every chart below declares support for."""


POSTGRES = ("18", "17", "16", "15")
POSTGRES_DEFAULT = "17"
KAFKA = ("4.2.x", "4.1.x", "4.0.x", "3.9.x", "3.8.x")
KAFKA_DEFAULT = "3.9.x"
"""MSK's own spelling: the patch level is AWS's to choose."""

EMR_SERVERLESS = ("emr-7.13.0", "emr-7.12.0", "emr-7.11.0", "emr-7.10.0")
"""Releases, newest first; the newest holds Spark 3.5.6. Source: EMR Serverless user guide, "Release versions"."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm chart at one version. `repo` is empty where `name` is an OCI reference."""

    name: str
    version: str
    repo: str = ""
    app: str = ""
    """Version of what it installs, where that is another one."""
    product: str = ""
    """What it installs by its name in `mlops.core.lifecycles`, where its makers say how long they support it."""
    released: date | None = None
    """Day on which the chart's version stood in its repository."""


AWS_LOAD_BALANCER_CONTROLLER = Chart(
    name="aws-load-balancer-controller",
    version="3.5.0",
    repo="https://aws.github.io/eks-charts",
    released=date(2026, 8, 3),
)
CLUSTER_AUTOSCALER = Chart(
    name="cluster-autoscaler",
    version="9.59.0",
    repo="https://kubernetes.github.io/autoscaler",
    app="1.35.0",
    released=date(2026, 7, 21),
)
AUTOSCALER_IMAGES = {
    "1.36": "v1.36.1",
    "1.35": "v1.35.0",
    "1.34": "v1.34.0",
    "1.33": "v1.33.6",
    "1.32": "v1.32.3",
    "1.31": "v1.31.4",
}
"""Image by Kubernetes version: the autoscaler is made for one. Source: releases of the autoscaler repository; for
1.31, 1.32 and 1.34 the defaults of kOps (pull request 17640)."""
CERT_MANAGER = Chart(
    name="cert-manager",
    version="v1.21.1",
    repo="https://charts.jetstack.io",
    product="cert-manager",
    released=date(2026, 7, 29),
)
EXTERNAL_SECRETS = Chart(
    name="external-secrets", version="2.9.0", repo="https://charts.external-secrets.io", released=date(2026, 8, 8)
)
KSERVE_CRD = Chart(name="oci://ghcr.io/kserve/charts/kserve-crd", version="v0.20.0", released=date(2026, 8, 6))
KSERVE_RESOURCES = Chart(
    name="oci://ghcr.io/kserve/charts/kserve-resources", version="v0.20.0", released=date(2026, 8, 6)
)
KSERVE_RUNTIMES = Chart(
    name="oci://ghcr.io/kserve/charts/kserve-runtime-configs", version="v0.20.0", released=date(2026, 8, 6)
)
KNATIVE_OPERATOR = Chart(
    name="knative-operator",
    version="v1.21.1",
    repo="https://knative.github.io/operator",
    product="knative",
    released=date(2026, 1, 27),
)
KNATIVE_SERVING = "1.21.1"
"""Operator and release are those that KServe 0.20 is tested with (its kserve-deps.env). The operator carries every
patch of its minor versions and takes the newest unless it is told which."""
ISTIO_BASE = Chart(
    name="base",
    version="1.30.3",
    repo="https://istio-release.storage.googleapis.com/charts",
    product="istio",
    released=date(2026, 7, 13),
)
ISTIOD = Chart(
    name="istiod",
    version="1.30.3",
    repo="https://istio-release.storage.googleapis.com/charts",
    product="istio",
    released=date(2026, 7, 13),
)
ISTIO_GATEWAY = Chart(
    name="gateway",
    version="1.30.3",
    repo="https://istio-release.storage.googleapis.com/charts",
    product="istio",
    released=date(2026, 7, 13),
)
SELDON_CRDS = Chart(
    name="seldon-core-v2-crds",
    version="2.10.2",
    repo="https://seldonio.github.io/helm-charts",
    released=date(2025, 12, 18),
)
SELDON_SETUP = Chart(
    name="seldon-core-v2-setup",
    version="2.10.2",
    repo="https://seldonio.github.io/helm-charts",
    released=date(2025, 12, 18),
)
"""Business Source License 1.1 (LICENSE at v2.10.2): production use needs a contract with the vendor."""
PULSAR = Chart(
    name="pulsar",
    version="4.7.0",
    repo="https://pulsar.apache.org/charts",
    app="4.0.12",
    product="apache-pulsar",
    released=date(2026, 7, 17),
)
"""Ships Pulsar 4.0.12, of the line with long-term support."""
FLINK_OPERATOR = Chart(
    name="flink-kubernetes-operator",
    version="1.15.0",
    repo="https://downloads.apache.org/flink/flink-kubernetes-operator-1.15.0/",
    released=date(2026, 5, 7),
)
SPARK_OPERATOR = Chart(
    name="spark-operator", version="2.5.2", repo="https://kubeflow.github.io/spark-operator", released=date(2026, 7, 30)
)
KUBERAY_OPERATOR = Chart(
    name="kuberay-operator",
    version="1.7.0",
    repo="https://ray-project.github.io/kuberay-helm/",
    released=date(2026, 8, 19),
)
KUBEFLOW_TRAINER = Chart(
    name="oci://ghcr.io/kubeflow/charts/kubeflow-trainer", version="2.3.0", released=date(2026, 8, 6)
)
JOBSET = "0.12.0"
"""The JobSet that the trainer's chart carries: dependencies in its Chart.yaml at v2.3.0."""
KUEUE = Chart(name="oci://registry.k8s.io/kueue/charts/kueue", version="0.19.2", released=date(2026, 8, 20))
NVIDIA_DEVICE_PLUGIN = Chart(
    name="nvidia-device-plugin",
    version="0.20.0",
    repo="https://nvidia.github.io/k8s-device-plugin",
    released=date(2026, 8, 19),
)
KUBE_PROMETHEUS_STACK = Chart(
    name="kube-prometheus-stack",
    version="88.5.3",
    repo="https://prometheus-community.github.io/helm-charts",
    app="0.93.1",
    released=date(2026, 8, 21),
)
CLOUDWATCH_EXPORTER = Chart(
    name="prometheus-yet-another-cloudwatch-exporter",
    version="0.47.0",
    repo="https://prometheus-community.github.io/helm-charts",
    app="0.67.0",
    released=date(2026, 7, 3),
)
FLUENT_BIT = Chart(
    name="fluent-bit",
    version="0.58.1",
    repo="https://fluent.github.io/helm-charts",
    app="5.1.1",
    product="fluent-bit",
    released=date(2026, 8, 18),
)
LOKI = Chart(
    name="loki",
    version="18.11.0",
    repo="https://grafana-community.github.io/helm-charts",
    app="3.7.6",
    product="grafana-loki",
    released=date(2026, 8, 20),
)
DATADOG = Chart(
    name="datadog", version="3.240.0", repo="https://helm.datadoghq.com", app="7", released=date(2026, 8, 20)
)
VELERO = Chart(
    name="velero",
    version="12.1.0",
    repo="https://vmware-tanzu.github.io/helm-charts",
    app="1.18.1",
    released=date(2026, 6, 25),
)
RELOADER = Chart(
    name="reloader",
    version="2.2.16",
    repo="https://stakater.github.io/stakater-charts",
    app="1.4.21",
    released=date(2026, 8, 10),
)
SEALED_SECRETS = Chart(
    name="sealed-secrets",
    version="2.18.5",
    repo="https://bitnami-labs.github.io/sealed-secrets",
    app="0.36.6",
    released=date(2026, 4, 9),
)
VAULT = Chart(
    name="vault", version="0.34.1", repo="https://helm.releases.hashicorp.com", app="2.0.4", released=date(2026, 8, 13)
)
"""Business Source License 1.1: whoever runs it for themselves may."""
VAULT_IMAGE = "public.ecr.aws/hashicorp/vault:2.0.4"
AWS_CLI_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.36.44"
VELERO_AWS_IMAGE = "velero/velero-plugin-for-aws:v1.14.2"
"""Plugins 1.14 go with Velero 1.18 (velero-io/velero, discussion 10563), which the chart ships."""
AIRFLOW = Chart(
    name="airflow",
    version="1.22.0",
    repo="https://airflow.apache.org",
    app="3.3.2",
    product="apache-airflow",
    released=date(2026, 6, 13),
)
AIRFLOW_VERSION = "3.3.2"
AIRFLOW_IMAGE = f"apache/airflow:{AIRFLOW_VERSION}"
"""The chart's own, 3.2.2, is of a minor version that ended with the next (endoflife.date, apache-airflow)."""
ARGO_WORKFLOWS = Chart(
    name="argo-workflows",
    version="1.0.18",
    repo="https://argoproj.github.io/argo-helm",
    app="4.0.6",
    product="argo-workflows",
    released=date(2026, 6, 25),
)

ARGO_CD = Chart(
    name="argo-cd",
    version="10.1.1",
    repo="https://argoproj.github.io/argo-helm",
    app="3.4.4",
    product="argo-cd",
    released=date(2026, 7, 2),
)
"""Argo CD 3.4.4. Its project mends the newest three minor versions (argo-cd, docs/operator-manual/installation.md)."""
JUPYTERHUB = Chart(
    name="jupyterhub",
    version="4.4.0",
    repo="https://hub.jupyter.org/helm-chart/",
    app="5.5.0",
    released=date(2026, 6, 10),
)
"""JupyterHub 5.5.0, on Kubernetes 1.28 and newer (Chart.yaml at 4.4.0, 2026-06-10). Its project mends the newest minor
version only (zero-to-jupyterhub-k8s, docs/source/changelog.md)."""

NOTEBOOK_IMAGE = "quay.io/jupyterhub/k8s-singleuser-sample:4.4.0"
"""JupyterLab alone, of the chart's own release."""
MLFLOW_IMAGE = "ghcr.io/mlflow/mlflow:v3.17.0-full"
"""The `-full` image holds psycopg2, boto3, the Prometheus exporter and Flask-WTF; the plain one does not."""
OAUTH2_PROXY_IMAGE = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.5"
KUBEFLOW_PIPELINES = "2.17.0"
"""The tag that `components/ml_platform/kubeflow/overlay` refers to. Its API server takes PostgreSQL besides MySQL: its
project has released that from 2.15.0 on (kubeflow/pipelines, manifests/kustomize/env/platform-agnostic-postgresql,
whose README said of 2.14 that it had none)."""
PHOENIX_IMAGE = "docker.io/arizephoenix/phoenix:version-20.3.0-nonroot"
"""What chart phoenix-helm 12.0.4 takes (Arize-ai/phoenix at 9478f954). Its project supports the newest alone."""
PGBOUNCER_IMAGE = "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"
ROTATION_FUNCTION = "1.1.671"
"""Of AWS's function that changes passwords of PostgreSQL. Source: aws/aws-cdk at 0b89b3c3, aws-secretsmanager/lib/
secret-rotation.ts."""
POSTGRES_CLIENT_IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
"""Holds psql, for the job that makes databases and roles."""
PYTHON_IMAGE = "public.ecr.aws/docker/library/python:3.13-alpine"
"""Holds Python and nothing else, for jobs that need no more. Supported until 2029-10 (PEP 719)."""


def newest_in_standard_support(today: date) -> str:
    """The catalogue's default while it is supported, else the newest that is; else the newest known."""
    standard = [version for version, release in EKS.items() if release.standard_until >= today]
    return EKS_DEFAULT if EKS_DEFAULT in standard else next(iter(standard or EKS))
