"""Who may use the MLflow server: nobody is asked, MLflow's own users, or an OpenID Connect provider.

OpenID Connect is a proxy in the server's pod rather than the load balancer's login: a load balancer sees only
the browsers that come through it, while jobs in the cluster call the Service. The proxy sees both, and takes a
bearer token of the same provider (`MLFLOW_TRACKING_TOKEN`) from whoever has no browser.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.identity import Statement, policy_document
from components.base.secret import SecretValue
from components.cluster import ClusterOutputs
from components.kubernetes.objects import (
    CONTAINER_SECURITY,
    OUT_OF_ENDPOINTS,
    from_secret,
    generated_secret,
    stored_secret,
)
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import KeyArn, SecretArn
from mlops.core.fields.login import ClientId, EmailDomain, IssuerUrl, LoginGroup
from mlops.core.versions import OAUTH2_PROXY_IMAGE

PORT = 5000
"""Where clients connect, whoever answers there."""
_BEHIND_PROXY = 5001
_CONFIG_DIRECTORY = "/etc/mlflow-auth"
_CONFIG_FILE = f"{_CONFIG_DIRECTORY}/basic_auth.ini"

_ADMIN_PASSWORD = "admin-password"
_SESSION_KEY = "session-key"
_CLIENT_SECRET = "client-secret"


class NoAuth(Config):
    """Whoever reaches the server may do everything. The network policy is then the only door."""

    kind: Literal["none"] = "none"


class WorkloadLogin(Config):
    """A user of MLflow's, by the secret that holds its name and its password. Its administrator makes the user."""

    arn: SecretArn
    """Secret of AWS Secrets Manager: a JSON document with the keys `username` and `password`."""
    key_arn: KeyArn | None = None
    """KMS key that the secret is encrypted with, unless it is Secrets Manager's own."""


class BasicAuth(Config):
    """MLflow's own users and permissions. The first administrator is `admin`; its password is made in the cluster
    and lies in the Secret `mlflow-auth` of namespace `mlflow`, key `admin-password`."""

    kind: Literal["basic"] = "basic"
    default_permission: Literal["READ", "EDIT", "MANAGE", "NO_PERMISSIONS"] = "READ"
    """What a user may do with experiments and models that nobody gave them rights on."""
    workloads: WorkloadLogin | None = None
    """The user as whom the platform's own workloads track; with null those on the cluster take the Secret
    `mlflow-login` of their namespace, and those outside of it have none."""

    @property
    def secrets(self) -> dict[str, SecretValue]:
        """Variable of MLflow's clients -> the secret that it holds."""
        login = self.workloads
        if login is None:
            return {}
        words = {"MLFLOW_TRACKING_USERNAME": "username", "MLFLOW_TRACKING_PASSWORD": "password"}
        return {variable: SecretValue(arn=login.arn, key=key, key_arn=login.key_arn) for variable, key in words.items()}


class OidcAuth(Config):
    """An OpenID Connect provider decides who comes in; everybody who does may do everything."""

    kind: Literal["oidc"] = "oidc"
    issuer_url: IssuerUrl
    """The provider, as it names itself: https://login.example.com/realms/ml."""
    client_id: ClientId
    """Client registered there, with the redirect URL `https://<host>/oauth2/callback`."""
    client_secret_arn: SecretArn
    """Secrets Manager secret whose whole text is the client's secret."""
    client_secret_key_arn: KeyArn | None = None
    """KMS key of that secret; null when it is the account's `aws/secretsmanager`."""
    email_domains: Annotated[tuple[EmailDomain, ...], Unique(most=100)] = Field(default=("*",), min_length=1)
    """Domains of the addresses that may come in; `*` lets in whoever the provider knows."""
    groups: Annotated[tuple[LoginGroup, ...], Unique(most=100)] = ()
    """Groups of the provider that may come in; none means all."""


Auth = Annotated[NoAuth | BasicAuth | OidcAuth, Field(discriminator="kind")]


def closed_to_outside(auth: NoAuth | BasicAuth | OidcAuth) -> tuple[str, ...]:
    """Why workloads outside the cluster could not track, in a sentence; nothing where they can."""
    why = "workloads run outside the cluster and track there, and auth is"
    if isinstance(auth, OidcAuth):
        return (f"{why} oidc, whose provider knows no workloads. Set auth.kind to basic and name auth.workloads",)
    if isinstance(auth, BasicAuth) and auth.workloads is None:
        says = (
            "Name there the secret of AWS Secrets Manager with the keys username and password of one of MLflow's users"
        )
        return (f"{why} basic without auth.workloads. {says}",)
    return ()


@dataclass(frozen=True, kw_only=True)
class AuthParts:
    """What a way of logging in adds to the server's pod; manifests in the API server's own spelling."""

    address: str = f"0.0.0.0:{PORT}"
    """Where MLflow itself listens."""
    arguments: tuple[str, ...] = ()
    environment: tuple[dict[str, object], ...] = ()
    init_containers: tuple[dict[str, object], ...] = ()
    sidecars: tuple[dict[str, object], ...] = ()
    volumes: tuple[dict[str, object], ...] = ()
    mounts: tuple[dict[str, object], ...] = ()
    open_metrics: bool = True
    """Whether `/metrics` answers without credentials."""


@dataclass(frozen=True, kw_only=True)
class LoginArgs:
    """The server whose door it is."""

    name: str
    image: str
    host: str | None
    namespace: pulumi.Output[str]
    database: dict[str, object]
    """The environment variable that holds the database's address."""
    cluster: ClusterOutputs


def login_parts(auth: NoAuth | BasicAuth | OidcAuth, args: LoginArgs, opts: pulumi.ResourceOptions) -> AuthParts:
    """Make the secrets that a way of logging in needs, and say what it adds to the pod."""
    if isinstance(auth, NoAuth):
        return AuthParts()
    keys = [_SESSION_KEY, _ADMIN_PASSWORD] if isinstance(auth, BasicAuth) else [_SESSION_KEY]
    secret = generated_secret(
        args.name,
        "mlflow-auth",
        keys,
        unrotated="MLflow keeps the password in its database and a new session key would end every session",
        namespace=args.namespace,
        opts=opts,
    )
    if isinstance(auth, BasicAuth):
        return basic_parts(auth, args.image, args.database, secret)
    right = aws.iam.RolePolicy(
        f"{args.name}-client-policy",
        role=args.cluster.external_secrets_role,
        policy=policy_document(secret_rights(auth)),
        opts=opts,
    )
    client = stored_secret(
        f"{args.name}-client",
        "mlflow-client",
        {_CLIENT_SECRET: {"key": auth.client_secret_arn}},
        store=args.cluster.secret_store,
        namespace=args.namespace,
        # External Secrets asks at once, and would be refused.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[right])),
    )
    return oidc_parts(auth, args.host or "", secret, client)


def secret_rights(auth: OidcAuth) -> list[Statement]:
    """What External Secrets needs to read the client's secret, and no more."""
    read = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    statements = [Statement(actions=read, resources=(auth.client_secret_arn,))]
    if auth.client_secret_key_arn:
        statements.append(Statement(actions=("kms:Decrypt",), resources=(auth.client_secret_key_arn,)))
    return statements


def basic_parts(config: BasicAuth, image: str, database: dict[str, object], secret: pulumi.Input[str]) -> AuthParts:
    """MLflow reads the address of its user database from a file only. An init container writes it into the pod's
    memory, so that the database password is not copied into a second Secret."""
    volume = "auth-config"
    mount = {"name": volume, "mountPath": _CONFIG_DIRECTORY}
    return AuthParts(
        arguments=("--app-name", "basic-auth"),
        environment=(
            {"name": "MLFLOW_AUTH_CONFIG_PATH", "value": _CONFIG_FILE},
            {"name": "MLFLOW_AUTH_ADMIN_USERNAME", "value": "admin"},
            from_secret("MLFLOW_AUTH_ADMIN_PASSWORD", secret, _ADMIN_PASSWORD),
            from_secret("MLFLOW_FLASK_SERVER_SECRET_KEY", secret, _SESSION_KEY),
        ),
        init_containers=(
            {
                "name": volume,
                "image": image,
                "command": ["python", "-c", auth_config_script(config.default_permission)],
                "env": [database],
                "volumeMounts": [mount],
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
                "securityContext": CONTAINER_SECURITY,
            },
        ),
        volumes=({"name": volume, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},),
        mounts=({**mount, "readOnly": True},),
        open_metrics=False,
    )


def auth_config_script(default_permission: str) -> str:
    """Python that writes basic_auth.ini. configparser takes a percent sign for a reference unless it is doubled."""
    lines = (
        "[mlflow]",
        f"default_permission = {default_permission}",
        "admin_username = admin",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        "database_uri = ",
    )
    return (
        "import os, pathlib; "
        "address = os.environ['MLFLOW_BACKEND_STORE_URI'].replace('%', '%%'); "
        f"pathlib.Path('{_CONFIG_FILE}').write_text({chr(10).join(lines)!r} + address)"
    )


def oidc_parts(config: OidcAuth, host: str, secret: pulumi.Input[str], client: pulumi.Input[str]) -> AuthParts:
    """The proxy takes the port; MLflow listens where only the proxy reaches it."""
    arguments = [
        "--provider=oidc",
        f"--oidc-issuer-url={config.issuer_url}",
        f"--client-id={config.client_id}",
        f"--redirect-url=https://{host}/oauth2/callback",
        f"--http-address=0.0.0.0:{PORT}",
        f"--upstream=http://127.0.0.1:{_BEHIND_PROXY}/",
        # An artifact travels in one request.
        "--upstream-timeout=600s",
        "--code-challenge-method=S256",
        "--cookie-secure=true",
        "--skip-provider-button=true",
        "--skip-jwt-bearer-tokens=true",
        # Programs get 401, not a login page.
        "--api-route=^/api/",
        "--skip-auth-route=GET=^/health$",
        "--skip-auth-route=GET=^/metrics$",
        *(f"--email-domain={domain}" for domain in config.email_domains),
        *(f"--allowed-group={group}" for group in config.groups),
    ]
    proxy: dict[str, object] = {
        "name": "login",
        "image": OAUTH2_PROXY_IMAGE,
        "args": arguments,
        "env": [
            from_secret("OAUTH2_PROXY_CLIENT_SECRET", client, _CLIENT_SECRET),
            from_secret("OAUTH2_PROXY_COOKIE_SECRET", secret, _SESSION_KEY),
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/ping", "port": PORT}, "periodSeconds": 10},
        "lifecycle": OUT_OF_ENDPOINTS,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
    }
    return AuthParts(address=f"127.0.0.1:{_BEHIND_PROXY}", sidecars=(proxy,))
