"""What Argo CD is told: its Helm values, projects and applications.

Values are those of the chart at 10.1.1; custom resources those of Argo CD's CRDs at 3.4.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

from components.kubernetes.placement import SYSTEM_NODES, Controllers, requested

NAMESPACE, API = "argocd", "argoproj.io/v1alpha1"
HERE = "https://kubernetes.default.svc"
"""The cluster that Argo CD runs on, in its own words."""
FINALIZER = "resources-finalizer.argocd.argoproj.io"
"""An application with it goes after all that it owns has gone."""
METRICS_PORTS = (8082, 8083, 8084)
INSIDE_PORTS = (6379, 8080, 8081)
"""Redis, the API server and the repository server."""


class Kinds(TypedDict):
    """Kinds of an API group, as RBAC and as Argo CD call them."""

    group: str
    kinds: Mapping[str, str]


CLUSTER_KINDS: Mapping[str, str] = {"Namespace": "namespaces"}
DELIVERED: tuple[Kinds, ...] = (
    {
        "group": "",
        "kinds": {"ConfigMap": "configmaps", "Service": "services", "ServiceAccount": "serviceaccounts"},
    },
    {"group": "apps", "kinds": {"Deployment": "deployments"}},
    {"group": "autoscaling", "kinds": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"}},
    {"group": "external-secrets.io", "kinds": {"ExternalSecret": "externalsecrets"}},
    {"group": "generators.external-secrets.io", "kinds": {"Password": "passwords"}},
    {"group": "networking.k8s.io", "kinds": {"NetworkPolicy": "networkpolicies"}},
    {"group": "policy", "kinds": {"PodDisruptionBudget": "poddisruptionbudgets"}},
)
"""What workloads consist of. Argo CD may make nothing else, whatever the repository says."""
_SHOWN: tuple[Kinds, ...] = (
    {"group": "", "kinds": {"Pod": "pods"}},
    {"group": "apps", "kinds": {"ReplicaSet": "replicasets"}},
)
"""What grows from them, for its pages."""
_CHANGE = ["create", "delete", "get", "list", "patch", "update", "watch"]
_LOOK = ["get", "list", "watch"]


def values(controllers: Controllers, *, scraped: bool) -> dict[str, object]:
    """Of the chart: no login of another kind, no messages, no generator of applications, and rights on the kinds that
    it delivers instead of on everything."""
    rules = [
        *_rules(_CHANGE, DELIVERED),
        {"apiGroups": [""], "resources": list(CLUSTER_KINDS.values()), "verbs": _CHANGE},
        {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": _CHANGE},
        *_rules(_LOOK, _SHOWN),
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "list", "patch"]},
    ]
    shown = [*_rules(_LOOK, (*DELIVERED, *_SHOWN)), {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
    several = {"replicas": controllers.replicas, "pdb": {**controllers.budget, "maxUnavailable": 1}}
    return {
        "global": {
            "nodeSelector": SYSTEM_NODES,
            # Ours close the namespace; the chart's let the whole cluster in.
            "networkPolicy": {"create": False},
            "addPrometheusAnnotations": scraped,
        },
        "configs": {"cm": {"resource.inclusions": json.dumps(_inclusions())}},
        "controller": {**_part("argocd-controller"), "clusterRoleRules": {"enabled": True, "rules": rules}},
        "server": {**_part("argocd-server"), **several, "clusterRoleRules": {"enabled": True, "rules": shown}},
        "repoServer": {
            **_part("argocd-repo-server"),
            **several,
            "copyutil": _part("argocd-repo-server"),
        },
        "redis": _part("argocd-redis"),
        "redisSecretInit": _part("argocd-redis"),
        "applicationSet": {"replicas": 0},
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
    }


def project(description: str, repository: str, namespaces: Sequence[str], *, applications: bool) -> dict[str, object]:
    """Spec of an AppProject: one repository, these namespaces, and applications or what they deliver."""
    kinds = ({"group": "argoproj.io", "kinds": {"Application": "applications"}},) if applications else DELIVERED
    return {
        "description": description,
        "sourceRepos": [repository],
        "destinations": [{"server": HERE, "namespace": namespace} for namespace in namespaces],
        "clusterResourceWhitelist": [] if applications else [{"group": "", "kind": kind} for kind in CLUSTER_KINDS],
        "namespaceResourceWhitelist": [{"group": one["group"], "kind": kind} for one in kinds for kind in one["kinds"]],
    }


def application(
    project: str, namespace: str, *, repository: str, revision: str, path: str, self_heal: bool
) -> dict[str, object]:
    """Spec of an Application: a folder of the repository, kept in a namespace."""
    return {
        "project": project,
        "source": {
            "repoURL": repository,
            "targetRevision": revision,
            "path": path,
            "directory": {"recurse": True},
        },
        "destination": {"server": HERE, "namespace": namespace},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": self_heal},
            "syncOptions": ["ServerSideApply=true"],
        },
    }


def credential(repository: str, username: str, *, ssh: bool) -> dict[str, object]:
    """Template of the Secret by which Argo CD knows how to reach the repository."""
    known = {"sshPrivateKey": "{{ .credential }}"} if ssh else {"username": username, "password": "{{ .credential }}"}
    return {
        "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "data": {"type": "git", "url": repository, **known},
    }


def _part(project: str) -> dict[str, object]:
    return {"resources": requested(project)}


def _rules(verbs: list[str], kinds: Sequence[Kinds]) -> list[dict[str, object]]:
    return [{"apiGroups": [one["group"]], "resources": sorted(one["kinds"].values()), "verbs": verbs} for one in kinds]


def _inclusions() -> list[dict[str, object]]:
    own: Kinds = {"group": "argoproj.io", "kinds": {"Application": "applications"}}
    spaces: Kinds = {"group": "", "kinds": CLUSTER_KINDS}
    return [
        {"apiGroups": [one["group"]], "kinds": sorted(one["kinds"]), "clusters": ["*"]}
        for one in (*DELIVERED, *_SHOWN, spaces, own)
    ]
