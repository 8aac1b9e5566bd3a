"""SageMaker and Managed Airflow: notebooks, models, endpoints, Studio and workflows within the network."""

from collections.abc import Iterator

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, is_one, is_own_key, is_set, is_true, is_unknown, negated, rows
from policies.model import ABSENT, Judgement, look, say
from policies.registry import resource_rule


@resource_rule("sagemaker-notebook-no-internet")
def notebook_is_in_the_network(node: Node) -> Iterator[Judgement]:
    closed = is_one(look(node.inputs, "directInternetAccess"), "Disabled")
    answer = all_of([closed, is_set(look(node.inputs, "subnetId"))])
    yield say(node, "directInternetAccess", answer, "the notebook reaches the internet past the network")


@resource_rule("sagemaker-notebook-no-root")
def notebook_without_root(node: Node) -> Iterator[Judgement]:
    yield say(node, "rootAccess", is_one(look(node.inputs, "rootAccess"), "Disabled"), "users of the notebook are root")


@resource_rule("sagemaker-notebook-kms")
def notebook_has_a_key(node: Node) -> Iterator[Judgement]:
    yield _key(node, "kmsKeyId", "the notebook's volume is not encrypted with a key of yours")


@resource_rule("sagemaker-endpoint-redundant")
def endpoint_survives_an_instance(node: Node) -> Iterator[Judgement]:
    message = "one instance answers, and nobody while it is replaced"
    for path, row in rows(node, "productionVariants"):
        if row != UNKNOWN and look(row, "serverlessConfig") is not ABSENT:
            continue
        count = UNKNOWN if row == UNKNOWN else look(row, "initialInstanceCount")
        answer = None if is_unknown(count) else isinstance(count, int | float) and count > 1
        yield say(node, path if row == UNKNOWN else f"{path}.initialInstanceCount", answer, message)


@resource_rule("sagemaker-endpoint-kms")
def endpoint_has_a_key(node: Node) -> Iterator[Judgement]:
    variants = [row for _, row in rows(node, "productionVariants")]
    # Serverless variants and instances with NVMe disks have no volume that takes a key (CreateEndpointConfig API).
    if variants and all(row != UNKNOWN and look(row, "serverlessConfig") is not ABSENT for row in variants):
        return
    yield _key(node, "kmsKeyArn", "the endpoint's volumes are not encrypted with a key of yours")
    if look(node.inputs, "dataCaptureConfig") is not ABSENT:
        yield _key(node, "dataCaptureConfig.kmsKeyId", "captured requests are not encrypted with a key of yours")


def _key(node: Node, path: str, message: str) -> Judgement:
    return say(node, path, is_own_key(look(node.inputs, path)), message)


@resource_rule("sagemaker-model-isolated")
def model_is_isolated(node: Node) -> Iterator[Judgement]:
    path = "enableNetworkIsolation"
    yield say(node, path, is_true(look(node.inputs, path)), "the model's container may call out")


@resource_rule("sagemaker-model-in-vpc")
def model_is_in_the_network(node: Node) -> Iterator[Judgement]:
    answer = all_of(is_set(look(node.inputs, f"vpcConfig.{part}")) for part in ("subnets", "securityGroupIds"))
    yield say(node, "vpcConfig", answer, "the model's container runs outside the network")


@resource_rule("sagemaker-domain-vpc-only")
def studio_is_in_the_network(node: Node) -> Iterator[Judgement]:
    path = "appNetworkAccessType"
    yield say(node, path, is_one(look(node.inputs, path), "VpcOnly"), "Studio reaches the internet past the network")
    yield _key(node, "kmsKeyId", "Studio's volumes are not encrypted with a key of yours")


@resource_rule("mwaa-private-webserver")
def airflow_is_private(node: Node) -> Iterator[Judgement]:
    path = "webserverAccessMode"
    # Private is what AWS takes when nothing is said.
    answer = negated(is_one(look(node.inputs, path), "PUBLIC_ONLY"))
    yield say(node, path, answer, "Airflow's pages are open to the internet")


@resource_rule("mwaa-logs")
def airflow_is_logged(node: Node) -> Iterator[Judgement]:
    for part in ("schedulerLogs", "workerLogs", "webserverLogs"):
        path = f"loggingConfiguration.{part}.enabled"
        yield say(node, path, is_true(look(node.inputs, path)), f"Airflow's {part} are not kept")


@resource_rule("mwaa-kms")
def airflow_has_a_key(node: Node) -> Iterator[Judgement]:
    yield _key(node, "kmsKey", "Airflow's data is not encrypted with a key of yours")
