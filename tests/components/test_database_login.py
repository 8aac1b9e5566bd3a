"""One consumer's own database: who may do what, in which order, and where the password is not."""

from functools import cache
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.database import Database, DatabaseArgs, DatabaseConfig
from components.database.login import DatabaseLogin, DatabaseLoginArgs
from components.foundation import Foundation
from mlops.plan.graph import Graph, Node
from tests.foundations import foundation, module_options
from tests.support import only, recorded, statements

EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
PUSH = "kubernetes:external-secrets.io/v1alpha1:PushSecret"
JOB = "kubernetes:batch/v1:Job"
SECRET = "aws:secretsmanager/secret:Secret"
POLICY = "aws:iam/rolePolicy:RolePolicy"


def login_of(base: Foundation, opts: pulumi.ResourceOptions, consumer: str) -> DatabaseLogin:
    return DatabaseLogin(
        f"{consumer}-login",
        DatabaseLoginArgs(
            cluster=base.cluster,
            database=base.database,
            consumer=consumer,
            namespace=pulumi.Output.from_input("tracking"),
        ),
        module_options(base, opts),
    )


@cache
def platform() -> Graph:
    """A cluster and a database with two consumers, one of which has something that uses its login."""

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=True)
        login = login_of(base, opts, "mlflow").outputs
        login_of(base, opts, "feature-store")
        k8s.core.v1.ConfigMap(
            "consumer",
            data={"reads": login.secret_name},
            opts=pulumi.ResourceOptions(provider=base.cluster.kubernetes),
        )

    return recorded(build)


def of(name: str, type_: str) -> Node:
    return only(platform(), type_, name)


def waits_for(later: Node, earlier: Node) -> bool:
    """Whether `later` cannot begin before `earlier` is done, directly or through others."""
    graph, seen, waiting = platform(), set[str](), [later.urn]
    while waiting:
        urn = waiting.pop()
        if urn == earlier.urn:
            return True
        if urn in graph and urn not in seen:
            seen.add(urn)
            waiting += graph[urn].dependencies
    return False


def container() -> dict[str, Any]:
    spec = of("mlflow-login-bootstrap", JOB).inputs["spec"]["template"]["spec"]
    (only_container,) = spec["containers"]
    return dict(only_container)


def test_the_secret_is_an_empty_container_that_external_secrets_may_fill() -> None:
    graph = platform()
    secret = of("mlflow-login-secret", SECRET)
    assert secret.inputs["tags"]["managed-by"] == "external-secrets"
    assert secret.inputs["kmsKeyId"] == only(graph, "aws:kms/key:Key", "keys-database").outputs["arn"]
    assert secret.inputs["recoveryWindowInDays"] == 7
    assert graph.of_type("aws:secretsmanager/secretVersion:SecretVersion", "kubernetes:core/v1:Secret") == ()


def test_where_a_password_belongs_the_plan_holds_a_reference_or_a_placeholder() -> None:
    data = of("mlflow-login-credentials", EXTERNAL).inputs["spec"]["target"]["template"]["data"]
    assert data["password"] == "{{ .password }}"
    by_reference = {row["name"]: row["valueFrom"] for row in container()["env"] if "valueFrom" in row}
    assert by_reference == {
        "PGUSER": {"secretKeyRef": {"name": "master", "key": "username"}},
        "PGPASSWORD": {"secretKeyRef": {"name": "master", "key": "password"}},
        "LOGIN_PASSWORD": {"secretKeyRef": {"name": "login", "key": "password"}},
    }
    for name in ("mlflow-login-master", "mlflow-login-login"):
        spec = of(name, EXTERNAL).inputs["spec"]
        assert "template" not in spec["target"]
        assert all(row["remoteRef"]["key"].startswith("arn:aws:secretsmanager:") for row in spec["data"])


def test_a_password_once_set_is_never_pushed_over() -> None:
    spec = of("mlflow-login-push", PUSH).inputs["spec"]
    assert spec["updatePolicy"] == "IfNotExists"
    assert spec["deletionPolicy"] == "None"
    (row,) = spec["data"]
    assert row["match"]["remoteRef"] == {"remoteKey": of("mlflow-login-secret", SECRET).id, "property": "password"}


def test_the_password_fits_into_a_uri() -> None:
    spec = of("mlflow-login-password", "kubernetes:generators.external-secrets.io/v1alpha1:Password").inputs["spec"]
    assert (spec["length"], spec["symbols"]) == (32, 0)


def test_external_secrets_gets_exactly_the_rights_that_this_login_takes() -> None:
    graph = platform()
    policy = of("mlflow-login-policy", POLICY)
    master, own = (
        of("database-instance", "aws:rds/instance:Instance").outputs["masterUserSecrets"][0]["secretArn"],
        of("mlflow-login-secret", SECRET).id,
    )
    rights = {row["Resource"][0]: set(row["Action"]) for row in statements(policy.inputs["policy"])}
    read = {"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}
    assert rights == {
        master: read,
        own: read | {"secretsmanager:PutSecretValue", "secretsmanager:DeleteResourcePolicy"},
        only(graph, "aws:kms/key:Key", "keys-database").outputs["arn"]: {"kms:Decrypt", "kms:GenerateDataKey"},
    }


def test_the_key_is_used_through_secrets_manager_only() -> None:
    rows = statements(of("mlflow-login-policy", POLICY).inputs["policy"])
    (kms,) = [row for row in rows if "kms:Decrypt" in row["Action"]]
    assert kms["Condition"] == {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}


def test_the_consumer_finds_all_that_a_connection_takes() -> None:
    node = of("mlflow-login-credentials", EXTERNAL)
    host = of("database-instance", "aws:rds/instance:Instance").outputs["address"]
    data = node.inputs["spec"]["target"]["template"]["data"]
    assert node.inputs["metadata"]["namespace"] == "tracking"
    assert data["host"] == host
    assert (data["port"], data["dbname"], data["username"]) == ("5432", "mlflow", "mlflow")
    assert data["uri"] == f"postgresql+psycopg2://mlflow:{{{{ .password }}}}@{host}:5432/mlflow?sslmode=require"


def test_a_consumer_with_a_hyphen_gets_names_that_need_no_quotes_in_sql() -> None:
    data = of("feature-store-login-credentials", EXTERNAL).inputs["spec"]["target"]["template"]["data"]
    assert data["dbname"] == data["username"] == "feature_store"
    target = of("feature-store-login-credentials", EXTERNAL).inputs["spec"]["target"]
    assert target["name"] == "feature-store-database"


@pytest.mark.parametrize("consumer", ["MLflow", "ml_flow", "-x", "x" * 41, ""])
def test_a_name_that_postgres_or_kubernetes_refuses_is_refused(consumer: str) -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        login_of(foundation(opts, cluster=True, database=True), opts, consumer)

    with pytest.raises(ValueError, match="lower case, digits, hyphens"):
        recorded(build)


def test_the_order_is_rights_then_password_then_role_then_consumer() -> None:
    policy, push = of("mlflow-login-policy", POLICY), of("mlflow-login-push", PUSH)
    job, credentials = of("mlflow-login-bootstrap", JOB), of("mlflow-login-credentials", EXTERNAL)
    consumer = only(platform(), "kubernetes:core/v1:ConfigMap", "consumer")
    assert waits_for(push, policy)
    for role in ("login", "master"):
        secret = of(f"mlflow-login-{role}", EXTERNAL)
        assert waits_for(secret, policy)
        assert waits_for(job, secret)
    assert waits_for(of("mlflow-login-login", EXTERNAL), push)
    assert waits_for(credentials, push)
    assert waits_for(consumer, job)
    assert waits_for(consumer, credentials)


def test_nothing_comes_before_external_secrets_itself_is_there() -> None:
    namespace = of("mlflow-login-namespace", "kubernetes:core/v1:Namespace")
    store = only(platform(), "kubernetes:external-secrets.io/v1:ClusterSecretStore")
    assert waits_for(namespace, store)


def test_what_external_secrets_makes_counts_as_made_when_it_is_ready() -> None:
    for node in platform().of_type(EXTERNAL, PUSH):
        assert node.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready", node.name


def test_only_the_bootstraps_own_namespace_sees_the_master_password() -> None:
    master = of("mlflow-login-master", EXTERNAL)
    namespace = of("mlflow-login-namespace", "kubernetes:core/v1:Namespace").inputs["metadata"]
    assert master.inputs["metadata"]["namespace"] == namespace["name"] == "mlflow-database"
    assert namespace["labels"]["mlops.platform/secrets"] == "allowed"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_bootstrap_reaches_dns_and_the_database_and_nobody_reaches_it() -> None:
    policy = of("mlflow-login-network-policy", "kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert policy["podSelector"] == {}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    dns, database = policy["egress"]
    assert {(row["protocol"], row["port"]) for row in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert database["ports"] == [{"protocol": "TCP", "port": 5432}]
    private = {n.inputs["cidrBlock"] for n in platform().of_type("aws:ec2/subnet:Subnet") if "private" in n.name}
    assert {row["ipBlock"]["cidr"] for row in database["to"]} == private
    assert waits_for(
        of("mlflow-login-bootstrap", JOB),
        of("mlflow-login-network-policy", "kubernetes:networking.k8s.io/v1:NetworkPolicy"),
    )


def test_the_bootstrap_runs_without_privileges_and_without_a_token() -> None:
    pod = of("mlflow-login-bootstrap", JOB).inputs["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container()["resources"]["limits"]["memory"]


def test_the_bootstrap_talks_tls_to_the_database() -> None:
    values = {row["name"]: row.get("value") for row in container()["env"]}
    assert values["PGSSLMODE"] == "require"
    assert values["PGHOST"] == of("database-instance", "aws:rds/instance:Instance").outputs["address"]


def test_the_job_stays_after_it_has_run_so_that_the_next_up_changes_nothing() -> None:
    job = of("mlflow-login-bootstrap", JOB).inputs
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["metadata"]["annotations"]["pulumi.com/replaceUnready"] == "true"
    assert job["spec"]["activeDeadlineSeconds"] < 600


def test_a_new_script_runs_again() -> None:
    template = of("mlflow-login-bootstrap", JOB).inputs["spec"]["template"]
    assert len(template["metadata"]["annotations"]["mlops.platform/script"]) == 16


def test_a_consumer_is_granted_the_way_to_the_database_and_no_right_in_aws() -> None:
    grants = []

    def build(opts: pulumi.ResourceOptions) -> None:
        grants.append(login_of(foundation(opts, cluster=True, database=True), opts, "mlflow").outputs.grant)

    recorded(build)
    (grant,) = grants
    assert (grant.resource, grant.access, grant.statements) == ("database/mlflow", "connect", ())
    assert [way.ports for way in grant.egress] == [(5432,)]


def test_credentials_that_must_not_outlive_a_throwaway_stack_do_not() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=False)
        args = DatabaseArgs(
            prefix=base.prefix,
            network=base.network,
            keys=base.keys,
            cluster_security_group_id=base.cluster.security_group_id,
        )
        made = Database("database", DatabaseConfig(secret_recovery_days=0), args, opts).outputs
        DatabaseLogin(
            "login",
            DatabaseLoginArgs(cluster=base.cluster, database=made, consumer="mlflow", namespace="tracking"),
            module_options(base, opts),
        )

    assert only(recorded(build), SECRET).inputs["recoveryWindowInDays"] == 0
