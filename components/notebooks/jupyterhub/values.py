"""Helm values of JupyterHub. Keys are those of the chart at 4.4.0, whose own schema the tests hold them against; what
stands in `hub.config` are traits of JupyterHub 5.5, KubeSpawner 7.0 and OAuthenticator 17.4, which it installs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY
from components.kubernetes.placement import SYSTEM_NODES, NodePlaces, requested
from components.kubernetes.scraping import announced
from components.notebooks.jupyterhub.people import OidcLogin, PasswordLogin, ProfileConfig
from mlops.core.fields.kubernetes import cores, mebibytes

RELEASE = "jupyterhub"
COMPONENT = "app.kubernetes.io/component"
"""Label that tells the hub, the proxy and people's servers apart, in the chart and in KubeSpawner."""
IDENTITY = "mlops.platform/identity"
"""Label of a server: the group whose rights it has."""
HUB_PORT, PROXY_PORT = 8081, 8000
_USER, _GROUP = 1000, 100
"""`jovyan` and `users` in Jupyter's images."""
_START_SECONDS = 900
"""A server may have to wait for a node, and a node with GPUs for its image."""
_CULL_SECONDS = 600
_NOTHING_MORE = {
    "enabled": True,
    "egressAllowRules": dict.fromkeys(
        (
            *("cloudMetadataServer", "dnsPortsCloudMetadataServer", "dnsPortsKubeSystemNamespace"),
            *("dnsPortsPrivateIPs", "nonPrivateIPs", "privateIPs"),
        ),
        False,
    ),
}
"""The chart's policies lead from each of its parts to the others and no further; the rest is ours."""

_DATABASE = 'import os\nc.JupyterHub.db_url = os.environ["HUB_DATABASE"]\n'
_PASSWORD = 'import os\nc.SharedPasswordAuthenticator.user_password = os.environ["HUB_PASSWORD"]\n'


@dataclass(frozen=True, kw_only=True)
class Identified:
    """As whom the servers of a group run."""

    group: str
    account: pulumi.Input[str]
    variables: Mapping[str, pulumi.Input[str]]
    """What they are told of what they have a right on."""
    known_as: str = ""
    """What the provider calls the group."""

    @property
    def labels(self) -> dict[str, str]:
        """Of their pods, for network policies."""
        return {IDENTITY: self.group}


@dataclass(frozen=True, kw_only=True)
class Servers:
    """People's servers."""

    image: str
    profiles: Sequence[ProfileConfig]
    places: NodePlaces
    storage_gb: int
    storage_class: str
    users: int
    most: int
    everybody: Identified
    groups: Sequence[Identified]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """The hub, and who comes in."""

    database: Mapping[str, object]
    """Where its database is, for a variable."""
    login: PasswordLogin | OidcLogin
    secret: Mapping[str, object]
    """The password, or the client's secret, for a variable."""
    host: str | None
    idle_minutes: int
    most_hours: int | None
    scraped: bool = field(default=False)


def values(hub: Hub, servers: Servers) -> dict[str, object]:
    """Of the whole chart. Pods are placed by the cluster's own scheduler, and images pulled when they are needed: the
    chart's scheduler and its pods on every node would cost more than they save."""
    off = {"enabled": False}
    return {
        "custom": reckoned(servers),
        "hub": _hub(hub, servers),
        "proxy": {
            "service": {"type": "ClusterIP"},
            "chp": {
                "nodeSelector": SYSTEM_NODES,
                "resources": requested("jupyterhub"),
                "networkPolicy": {**_NOTHING_MORE, "allowedIngressPorts": []},
            },
        },
        "singleuser": _singleuser(servers),
        "cull": {
            "enabled": True,
            "timeout": hub.idle_minutes * 60,
            "every": min(_CULL_SECONDS, hub.idle_minutes * 60),
            "maxAge": (hub.most_hours or 0) * 3600,
        },
        "scheduling": {"userScheduler": off, "userPlaceholder": off},
        "prePuller": {"hook": off, "continuous": off},
    }


def reckoned(servers: Servers) -> dict[str, object]:
    """What the hub will make, as charts write down what they make: nobody reads it but the plan, which reckons with
    as many servers of the first size as may run, and with a volume for everybody."""
    first = servers.profiles[0]
    request = {"cpu": first.cpu, "memory": first.memory}
    return {
        "servers": {
            "replicas": servers.most,
            "resources": {"requests": {**request, **_gpus(first)}},
            **servers.places.of(first.node_group),
        },
        "volumes": {"replicas": servers.users, "persistence": {"size": f"{servers.storage_gb}Gi"}},
    }


def _hub(hub: Hub, servers: Servers) -> dict[str, object]:
    login, script, variable = _login(hub)
    return {
        "config": {
            "JupyterHub": {"authenticator_class": login.pop("class"), "admin_access": False},
            **login,
            "KubeSpawner": _spawner(servers),
        },
        "db": {"type": "other", "upgrade": True},
        "extraConfig": {"database": _DATABASE, "login": script},
        "extraEnv": {"HUB_DATABASE": {"valueFrom": hub.database}, variable: {"valueFrom": hub.secret}},
        "activeServerLimit": servers.most,
        "networkPolicy": _NOTHING_MORE,
        "nodeSelector": SYSTEM_NODES,
        "resources": requested("jupyterhub"),
        # What it tells are counts and times; who reaches it, the network policy says.
        "authenticatePrometheus": False,
        "annotations": announced(HUB_PORT, "/hub/metrics") if hub.scraped else {},
    }


def _login(hub: Hub) -> tuple[dict[str, object], str, str]:
    """Sections of the hub's settings, what it runs when it starts, and the variable with its secret."""
    login = hub.login
    if isinstance(login, PasswordLogin):
        return {"class": "shared-password", "Authenticator": {"allow_all": True}}, _PASSWORD, "HUB_PASSWORD"
    settings = {
        "client_id": login.client_id,
        "oauth_callback_url": f"https://{hub.host}/hub/oauth_callback",
        "scope": ["openid", "profile", "email"],
        "username_claim": login.username_claim,
        "manage_groups": True,
        "auth_state_groups_key": f"oauth_user.{login.groups_claim}",
        "allow_all": not login.allowed_groups,
        "allowed_groups": list(login.allowed_groups),
        "admin_groups": list(login.admin_groups),
    }
    return {"class": "generic-oauth", "GenericOAuthenticator": settings}, discovery(login), "OAUTH_CLIENT_SECRET"


def discovery(login: OidcLogin) -> str:
    """Python that the hub runs when it starts: it asks the provider where it answers, as OAuthenticator 17.4 does
    not. Source: OpenID Connect Discovery 1.0, section 4."""
    address = f"{login.issuer_url.rstrip('/')}/.well-known/openid-configuration"
    return (
        "import json\n"
        "import urllib.request\n"
        f"provider = json.load(urllib.request.urlopen({address!r}, timeout=30))\n"
        'c.GenericOAuthenticator.authorize_url = provider["authorization_endpoint"]\n'
        'c.GenericOAuthenticator.token_url = provider["token_endpoint"]\n'
        'c.GenericOAuthenticator.userdata_url = provider["userinfo_endpoint"]\n'
    )


def _spawner(servers: Servers) -> dict[str, object]:
    security = {key: value for key, value in CONTAINER_SECURITY.items() if key != "readOnlyRootFilesystem"}
    return {
        # Rights come from AWS by the account; with the API server a notebook has nothing to talk about.
        "automount_service_account_token": False,
        "container_security_context": security,
        "group_overrides": {
            # In the order of the settings: of two groups, the later one is who somebody is.
            f"{index:03}-{one.group}": {
                "groups": [one.known_as],
                "spawner_override": {
                    "service_account": one.account,
                    "environment": dict(one.variables),
                    "extra_labels": one.labels,
                },
            }
            for index, one in enumerate(servers.groups)
        },
    }


def _singleuser(servers: Servers) -> dict[str, object]:
    name, _, tag = servers.image.rpartition(":")
    first = servers.profiles[0]
    return {
        "image": {"name": name, "tag": tag},
        "serviceAccountName": servers.everybody.account,
        "extraEnv": dict(servers.everybody.variables),
        "extraLabels": {"hub.jupyter.org/network-access-hub": "true", **servers.everybody.labels},
        # Whoever works there keeps the node.
        "extraAnnotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        "uid": _USER,
        "fsGid": _GROUP,
        "startTimeout": _START_SECONDS,
        "storage": {
            "type": "dynamic",
            "capacity": f"{servers.storage_gb}Gi",
            "dynamic": {"storageClass": servers.storage_class},
        },
        "cpu": {"guarantee": float(cores(first.cpu))},
        "memory": {"guarantee": _memory(first), "limit": _memory(first)},
        "profileList": [_profile(one, servers, default=one is first) for one in servers.profiles],
        "networkPolicy": _NOTHING_MORE,
        # A privileged container would do it, which the namespace refuses; no policy of ours leads there.
        "cloudMetadata": {"blockWithIptables": False},
    }


def _profile(profile: ProfileConfig, servers: Servers, *, default: bool) -> dict[str, object]:
    place = servers.places.of(profile.node_group)
    return {
        "display_name": profile.title,
        "slug": profile.name,
        "default": default,
        "kubespawner_override": {
            "cpu_guarantee": float(cores(profile.cpu)),
            "mem_guarantee": _memory(profile),
            "mem_limit": _memory(profile),
            "extra_resource_limits": _gpus(profile),
            "extra_resource_guarantees": _gpus(profile),
            "node_selector": place.get("nodeSelector", {}),
            "tolerations": place.get("tolerations", []),
        },
    }


def _memory(profile: ProfileConfig) -> str:
    """In JupyterHub's own words, where `M` is a MiB."""
    return f"{mebibytes(profile.memory):.0f}M"


def _gpus(profile: ProfileConfig) -> dict[str, str]:
    return {"nvidia.com/gpu": str(profile.gpus)} if profile.gpus else {}
