"""Kinds of Kubernetes objects that cost nothing by themselves, and why: what is not here and has no rule is named as
unknown, because an operator may make anything of it."""

_PODS = "its pods run on nodes, which are priced as such"
_INSIDE = "a definition or setting inside the cluster"
_COPIES = "copies secrets; calls and secrets are priced in AWS"
_TRAFFIC = "ways inside the cluster; load balancers have rules"

_BY_REASON: dict[str, dict[str, tuple[str, ...]]] = {
    _PODS: {
        "core": ("ReplicationController", "PodTemplate"),
        "apps": ("ReplicaSet", "ControllerRevision"),
        "serving.kserve.io": ("*",),
        "serving.knative.dev": ("*",),
        "operator.knative.dev": ("*",),
        "mlops.seldon.io": ("Model", "Pipeline", "Experiment", "SeldonRuntime"),
        "keda.sh": ("*",),
    },
    _INSIDE: {
        "core": (
            "Namespace",
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "ResourceQuota",
            "LimitRange",
            "Endpoints",
            "NamespacePatch",
            "ConfigMapPatch",
            "SecretPatch",
            "ServiceAccountPatch",
        ),
        "rbac.authorization.k8s.io": ("*",),
        "policy": ("*",),
        "autoscaling": ("*",),
        "storage.k8s.io": ("*",),
        "scheduling.k8s.io": ("*",),
        "admissionregistration.k8s.io": ("*",),
        "apiextensions.k8s.io": ("*",),
        "apiregistration.k8s.io": ("*",),
        "coordination.k8s.io": ("*",),
        "certificates.k8s.io": ("*",),
        "node.k8s.io": ("*",),
        "cert-manager.io": ("*",),
        "kueue.x-k8s.io": ("*",),
        "kyverno.io": ("*",),
        "monitoring.coreos.com": (
            "ServiceMonitor",
            "PodMonitor",
            "Probe",
            "ScrapeConfig",
            "PrometheusRule",
            "AlertmanagerConfig",
        ),
        # What they cost is paid with the agents, by the node.
        "datadoghq.com": ("DatadogDashboard", "DatadogMonitor"),
        "argoproj.io": ("AppProject", "Application", "WorkflowTemplate", "ClusterWorkflowTemplate", "AnalysisTemplate"),
        "kafka.strimzi.io": ("KafkaTopic", "KafkaUser"),
        "karpenter.k8s.aws": ("EC2NodeClass",),
        "snapshot.storage.k8s.io": ("VolumeSnapshotClass",),
        "velero.io": ("BackupStorageLocation", "VolumeSnapshotLocation"),
    },
    _COPIES: {
        "external-secrets.io": ("*",),
        "generators.external-secrets.io": ("*",),
        "bitnami.com": ("SealedSecret",),
    },
    _TRAFFIC: {
        "networking.k8s.io": ("NetworkPolicy", "IngressClass", "ServiceCIDR"),
        "discovery.k8s.io": ("*",),
        "gateway.networking.k8s.io": (
            "GatewayClass",
            "HTTPRoute",
            "GRPCRoute",
            "TLSRoute",
            "TCPRoute",
            "ReferenceGrant",
        ),
        "networking.istio.io": ("*",),
        "security.istio.io": ("*",),
        "telemetry.istio.io": ("*",),
        "elbv2.k8s.aws": ("IngressClassParams", "TargetGroupBinding"),
    },
    "a volume that is priced where it is made": {"core": ("PersistentVolume",)},
}

_FREE: dict[tuple[str, str], str] = {
    (group, kind): reason for reason, groups in _BY_REASON.items() for group, kinds in groups.items() for kind in kinds
}


def group_and_kind(type_: str) -> tuple[str, str]:
    """API group and kind of a type token: `kubernetes:apps/v1:Deployment` is `apps`, `Deployment`."""
    _, _, rest = type_.partition(":")
    module, _, kind = rest.rpartition(":")
    return module.partition("/")[0], kind


def kubernetes_reason(type_: str) -> str | None:
    """Why a kind costs nothing; None if nobody has said so."""
    group, kind = group_and_kind(type_)
    return _FREE.get((group, kind)) or _FREE.get((group, "*"))
