"""KMS, Secrets Manager and WAF. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost import demand
from mlops.cost.model import Context, Item, Rule, used
from mlops.plan.graph import Node

KEY, REPLICA = "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"
SECRET = "aws:secretsmanager/secret:Secret"
CONTROLLED = "aws:cloudcontrol/resource:Resource"
ACL = "aws:wafv2/webAcl:WebAcl"


def key(node: Node, context: Context) -> Iterator[Item]:
    """A key and its part of the requests. Each of the first two rotations adds a dollar; a new key has had none."""
    yield Item(label="customer-managed key", sku=("kms", "customer_key"), quantity=Decimal(1))
    requests = context.share(demand.key_requests(context), KEY, REPLICA) / 10_000
    yield used("key requests", ("kms", "requests_symmetric"), requests)


def secret(node: Node, context: Context) -> Iterator[Item]:
    copies = 1 + len([*node.at("replicas")])
    yield Item(label="secret", sku=("secrets_manager", "secret"), quantity=Decimal(copies))
    calls = context.share("requests.secrets", SECRET, CONTROLLED) / 10_000
    yield used("secret calls", ("secrets_manager", "api"), calls)


def acl(node: Node, context: Context) -> Iterator[Item]:
    yield Item(label="web ACL", sku=("waf", "web_acl"), quantity=Decimal(1))
    rules = len([*node.at("rules")])
    yield Item(label=f"{rules} rules", sku=("waf", "rule"), quantity=Decimal(rules))
    yield used("requests checked", ("waf", "requests"), context.figure("requests.api") / 1_000_000)


def controlled(node: Node, context: Context) -> Iterator[Item]:
    """What Cloud Control makes is charged as what it is; Cloud Control itself is free for types of AWS."""
    if node.at("typeName").text() == "AWS::SecretsManager::Secret":
        yield from secret(node, context)


RULES: dict[str, Rule] = {KEY: key, REPLICA: key, SECRET: secret, ACL: acl, CONTROLLED: controlled}
