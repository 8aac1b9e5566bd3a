"""The same pod in other kinds: older versions, kinds that work alike, and custom resources that carry pods."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mlops.plan.graph import Node

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
Spec = dict[str, Any]


def _kind(type_: str, wrap: Callable[[Spec], Spec]) -> Callable[[Node], Node]:
    """A carrier; `wrap` makes its inputs, metadata aside, from the spec of a Deployment."""

    def carried(node: Node) -> Node:
        if node.type != DEPLOYMENT:
            return node
        inputs = {**node.inputs, **wrap(dict(node.inputs["spec"]))}
        return replace(node, type=f"kubernetes:{type_}", inputs=inputs)

    return carried


def _same(spec: Spec) -> Spec:
    return {"spec": spec}


def _pod(spec: Spec) -> Spec:
    return {"spec": spec["template"]["spec"]}


def _model(spec: Spec) -> Spec:
    """KServe's own container, with what the pod's first states."""
    pod = dict(spec["template"]["spec"])
    first, *others = pod.pop("containers")
    return {"spec": {"predictor": {**pod, "model": first, **({"containers": others} if others else {})}}}


CARRIERS: Mapping[str, Callable[[Node], Node]] = {
    "a replica set": _kind("apps/v1:ReplicaSet", _same),
    "a replication controller": _kind("core/v1:ReplicationController", _same),
    "an older version": _kind("extensions/v1beta1:Deployment", _same),
    "a version between": _kind("apps/v1beta2:Deployment", _same),
    "a patch": _kind("apps/v1:DeploymentPatch", _same),
    "a Knative service": _kind("serving.knative.dev/v1:Service", lambda spec: {"spec": {"template": spec["template"]}}),
    "a Ray head": _kind(
        "ray.io/v1:RayCluster", lambda spec: {"spec": {"headGroupSpec": {"template": spec["template"]}}}
    ),
    "a Ray worker of a service": _kind(
        "ray.io/v1:RayService",
        lambda spec: {"spec": {"rayClusterConfig": {"workerGroupSpecs": [{"template": spec["template"]}]}}},
    ),
    "a rollout": _kind("argoproj.io/v1alpha1:Rollout", _same),
    "a group of leaders and workers": _kind(
        "leaderworkerset.x-k8s.io/v1:LeaderWorkerSet",
        lambda spec: {"spec": {"leaderWorkerTemplate": {"workerTemplate": spec["template"]}}},
    ),
    "a notebook": _kind("kubeflow.org/v1:Notebook", lambda spec: {"spec": {"template": spec["template"]}}),
    "an operator that nobody knows": _kind("example.com/v1:Thing", lambda spec: {"spec": {"deep": [{"pod": spec}]}}),
    "containers of an inference service": _kind(
        "serving.kserve.io/v1beta1:InferenceService", lambda spec: {"spec": {"predictor": spec["template"]["spec"]}}
    ),
    "a canary of an inference service": _kind(
        "serving.kserve.io/v1beta1:InferenceService",
        lambda spec: {"spec": {"canary": [{"predictor": spec["template"]["spec"]}]}},
    ),
    "a serving runtime": _kind("serving.kserve.io/v1alpha1:ClusterServingRuntime", _pod),
    "the model of an inference service": _kind("serving.kserve.io/v1beta1:InferenceService", _model),
}
