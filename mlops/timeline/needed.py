"""Orders that AWS or Kubernetes insists on although no value is passed: where `depends_on` is right, and why."""

from mlops.capacity.pods import chart_pods
from mlops.plan.graph import Node

RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACE = "kubernetes:core/v1:Namespace"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
_RIGHTS = (
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePolicy:RolePolicy",
)
_NODE_ADDONS = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
_POD_ADDONS = ("coredns", "metrics-server", "aws-ebs-csi-driver")
_POD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "InferenceService", "KnativeServing")
_BALANCED = ("Ingress", "Service", "TargetGroupBinding", "IngressClassParams", "Gateway")

_CLEANS_UP = ("aws-load-balancer-controller", "kserve-resources", "external-secrets")
"""Charts whose controllers hold back the deletion of their objects until they have cleaned up (finalizers): load
balancers, endpoints, secrets in AWS. A namespace that goes after them goes never."""

_BROUGHT_BY: dict[str, tuple[str, ...]] = {
    "cert-manager": ("cert-manager.io", "chart:kserve-resources", "chart:opentelemetry-operator"),
    "external-secrets": ("external-secrets.io", "generators.external-secrets.io"),
    "aws-load-balancer-controller": tuple(f"kind:{kind}" for kind in _BALANCED),
    "kserve-crd": ("serving.kserve.io", "chart:kserve-resources", "chart:kserve-runtime-configs"),
    "kserve-resources": ("serving.kserve.io", "chart:kserve-runtime-configs"),
    "kserve-runtime-configs": ("serving.kserve.io",),
    "base": ("networking.istio.io", "security.istio.io", "chart:istiod", "chart:gateway"),
    "istiod": ("networking.istio.io", "chart:gateway", "operator.knative.dev"),
    "gateway": ("operator.knative.dev",),
    "knative-operator": ("operator.knative.dev",),
    "kube-prometheus-stack": ("monitoring.coreos.com",),
    "argo-cd": ("argoproj.io",),
    "argo-workflows": ("kind:CronWorkflow", "kind:Workflow", "kind:WorkflowTemplate"),
    "karpenter": ("karpenter.sh", "karpenter.k8s.aws"),
    "kyverno": ("kyverno.io",),
}
"""Chart -> what cannot be there before it: API groups, `chart:` other charts, `kind:` kinds."""

CHARTS_OF: dict[str, tuple[str, ...]] = {
    "external-secrets.io": ("external-secrets",),
    "generators.external-secrets.io": ("external-secrets",),
    "serving.kserve.io": ("kserve-crd", "kserve-resources"),
    "operator.knative.dev": ("knative-operator",),
}
"""API group -> the charts without whose controllers its objects can be neither made nor removed."""

_BY_TYPES: dict[tuple[str, str], str] = {
    ("aws:ec2/route:Route", "aws:ec2/natGateway:NatGateway"): "a NAT gateway wants the way to the internet to stand",
    (
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/natGateway:NatGateway",
    ): "a NAT gateway wants the way to the internet to stand",
    ("aws:cloudwatch/logGroup:LogGroup", "aws:rds/instance:Instance"): "RDS would make unencrypted log groups itself",
    ("aws:cloudwatch/logGroup:LogGroup", "aws:lambda/function:Function"): "Lambda would make the log group itself",
    ("aws:iam/rolePolicy:RolePolicy", "aws:eks/podIdentityAssociation:PodIdentityAssociation"): "rights before pods",
    ("aws:s3/bucketPolicy:BucketPolicy", "aws:cloudtrail/trail:Trail"): "CloudTrail checks that it may write",
    ("aws:s3/bucketPolicy:BucketPolicy", "aws:cfg/deliveryChannel:DeliveryChannel"): "Config checks that it may write",
    ("aws:cfg/deliveryChannel:DeliveryChannel", "aws:cfg/recorderStatus:RecorderStatus"): "Config starts only with one",
    ("aws:lb/listener:Listener", "aws:ecs/service:Service"): "ECS wants the target group behind a listener",
}
"""Type that comes first, type that waits -> the reason."""


def needed(before: Node, after: Node) -> str | None:
    """Why `after` has to wait for `before`; None if nothing is known that asks for it."""
    if reason := _BY_TYPES.get((before.type, after.type)):
        return reason
    if after.type == NODE_GROUP and before.type == ADDON and before.at("addonName").text() in _NODE_ADDONS:
        return "nodes take their network settings from it, and are not ready without"
    if after.type == NODE_GROUP and before.type == "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
        return "a node without its rights cannot join"
    if after.type == ADDON and before.type == NODE_GROUP and after.at("addonName").text() in _POD_ADDONS:
        return "its pods need a node"
    if before.type in _RIGHTS and (after.type == ADDON or runs_pods(after)):
        return "its pods need their rights when they start"
    return _on_the_cluster(before, after) if after.package == "kubernetes" else None


def runs_pods(node: Node) -> bool:
    """Whether an object makes pods. Charts that only bring kinds make none."""
    if node.type == RELEASE:
        return bool(chart_pods(chart(node)))
    return node.type.rpartition(":")[2] in _POD_KINDS


def chart(node: Node) -> str:
    """Name of a release's chart."""
    return node.at("chart").text().rpartition("/")[2]


def _on_the_cluster(before: Node, after: Node) -> str | None:
    """Pods need nodes and names; objects of a kind need the chart that brings the kind, or guards it."""
    if before.type == NODE_GROUP:
        return "its pods need a node" if runs_pods(after) else None
    if before.type == ADDON:
        return _of_addon(before.at("addonName").text(), after)
    if before.type == RELEASE:
        return _of_chart(chart(before), after)
    if before.type == NAMESPACE:
        return "it lies in the namespace"
    if before.type == "kubernetes:batch/v1:Job":
        return "the job prepares what it needs"
    if before.type == "kubernetes:operator.knative.dev/v1beta1:KnativeServing":
        # KServe, cmd/manager/main.go: IsCrdAvailable, asked once at the start of the controller.
        return "it looks for Knative's kinds once, when it starts" if _serves_models(after) else None
    if before.type.endswith(":ClusterSecretStore"):
        return _of_store(after)
    if before.type.endswith(":StorageClass"):
        return "its volumes are of the class" if runs_pods(after) or after.type.endswith("Claim") else None
    return None


def _of_chart(name: str, after: Node) -> str | None:
    if _brings(name, after):
        return "the chart brings its kind, or the webhook that checks it"
    if name in _CLEANS_UP and after.type == NAMESPACE:
        return "its controller cleans up what lies in the namespace when that goes"
    return None


def _of_store(after: Node) -> str | None:
    if after.type == NAMESPACE:
        return "secrets of the namespace are removed through the store when it goes"
    return "it is read from the store" if group(after) == "external-secrets.io" else None


def _serves_models(node: Node) -> bool:
    return group(node) == "serving.kserve.io" or (node.type == RELEASE and chart(node) == "kserve-resources")


def _of_addon(addon: str, after: Node) -> str | None:
    if addon == "metrics-server":
        return "it scales by its figures" if after.type.endswith(":HorizontalPodAutoscaler") else None
    if addon == "aws-ebs-csi-driver":
        needs_volumes = after.type.endswith((":StatefulSet", ":PersistentVolumeClaim"))
        return "it makes its volumes" if needs_volumes else None
    return "its pods need names and credentials" if runs_pods(after) else None


def _brings(name: str, after: Node) -> bool:
    kind = f"chart:{chart(after)}" if after.type == RELEASE else f"kind:{after.type.rpartition(':')[2]}"
    return any(one in (group(after), kind) for one in _BROUGHT_BY.get(name, ()))


def group(node: Node) -> str:
    """API group of an object of Kubernetes."""
    return node.type.split(":")[1].partition("/")[0]
