"""Lambda: who may call a function, what it runs on, and what is in its environment."""

from collections.abc import Iterator, Mapping

from mlops.plan.graph import Graph, Node
from policies.answers import all_of, any_of, as_list, holds_unknown, is_one, is_own_key, is_set, is_unknown
from policies.conditions import names_an_owner
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.patterns import has_wildcard
from policies.references import referring
from policies.registry import resource_rule, stack_rule
from policies.rules.secrets import is_secret_variable

FUNCTION = "aws:lambda/function:Function"
LAYER_PERMISSION = "aws:lambda/layerVersionPermission:LayerVersionPermission"
NARROWING = ("sourceArn", "sourceAccount", "principalOrgId", "organizationId")
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
SUPPORTED_RUNTIMES = frozenset(
    {
        *(f"python3.{minor}" for minor in range(10, 16)),
        *("nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"),
        *("java11", "java17", "java21", "java25", "java11.al2023", "java17.al2023", "java21.al2023"),
        *("dotnet8", "dotnet10"),
        *("ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"),
        *("provided.al2", "provided.al2023"),
    }
)
"""Source: the Lambda API's own list of runtimes, November 2026."""


@resource_rule("lambda-in-vpc")
def runs_in_the_network(node: Node) -> Iterator[Judgement]:
    answer = all_of(is_set(look(node.inputs, f"vpcConfig.{part}")) for part in ("subnetIds", "securityGroupIds"))
    yield say(node, "vpcConfig", answer, "the function runs outside the network, next to nothing private")


@resource_rule("lambda-supported-runtime")
def runtime_is_supported(node: Node) -> Iterator[Judgement]:
    runtime = look(node.inputs, "runtime")
    image = is_one(look(node.inputs, "packageType"), "Image")
    listed = None if is_unknown(runtime) else runtime in SUPPORTED_RUNTIMES
    yield say(node, "runtime", any_of([image, listed]), f"AWS no longer maintains the runtime {runtime}")


@resource_rule("lambda-not-public")
def not_everybody_may_call_it(node: Node) -> Iterator[Judgement]:
    who = look(node.inputs, "principal")
    message = "everybody may call the function"
    narrowed = any_of(
        _names_one(part, look(node.inputs, part))
        for part in ("sourceArn", "sourceAccount", "principalOrgId", "organizationId")
    )
    if is_unknown(who):
        answer = None
    elif who == "*":
        # A layer has no other way to say who: its organisation is what narrows.
        layer = node.type == LAYER_PERMISSION
        answer = all_of([layer or is_one(look(node.inputs, "functionUrlAuthType"), "AWS_IAM"), narrowed])
    elif str(who).endswith((".amazonaws.com", ".amazonaws.com.cn")):
        answer = narrowed
        message = f"{who} may call the function on behalf of any account: give sourceArn or sourceAccount"
    else:
        answer = True
    yield say(node, "principal", answer, message)


def _names_one(part: str, value: object) -> Answer:
    if value is ABSENT or is_unknown(value):
        return None if is_unknown(value) else False
    return names_an_owner(str(value)) if part == "sourceArn" else bool(value) and not has_wildcard(str(value))


@resource_rule("lambda-url-authenticated")
def address_asks_who_calls(node: Node) -> Iterator[Judgement]:
    kind = is_one(look(node.inputs, "authorizationType"), "AWS_IAM")
    yield say(node, "authorizationType", kind, "everybody on the internet may call the function by its address")
    origins = look(node.inputs, "cors.allowOrigins")
    if origins is not ABSENT:
        answer = (
            False
            if any(has_wildcard(str(one)) for one in as_list(origins))
            else None
            if holds_unknown(origins)
            else True
        )
        yield say(node, "cors.allowOrigins", answer, "pages of every site may call the function")


@stack_rule("lambda-dead-letter")
def failures_are_kept(graph: Graph) -> Iterator[Judgement]:
    """Asynchronous calls only: a function that reads a stream or queue has its failures handled there."""
    for node in graph.of_type(FUNCTION):
        if referring(graph, EVENT_SOURCE, "functionName", node):
            continue
        kept = [is_set(look(node.inputs, "deadLetterConfig.targetArn"))]
        for config in referring(graph, INVOKE_CONFIG, "functionName", node):
            kept.append(is_set(look(config.inputs, "destinationConfig.onFailure.destination")))
        yield say(node, "deadLetterConfig.targetArn", any_of(kept), "an event that fails for good is lost")


@resource_rule("lambda-tracing")
def calls_are_traced(node: Node) -> Iterator[Judgement]:
    path = "tracingConfig.mode"
    yield say(node, path, is_one(look(node.inputs, path), "Active"), "calls leave no trace")


@resource_rule("lambda-env-protected")
def environment_is_protected(node: Node) -> Iterator[Judgement]:
    path = "environment.variables"
    variables = look(node.inputs, path)
    if variables is ABSENT:
        yield say(node, path, True, "")
    elif not isinstance(variables, Mapping):
        yield say(node, path, None, "")
    else:
        secret = sorted(name for name, value in variables.items() if is_secret_variable(name, value))
        message = f"{', '.join(secret)}: a secret in the environment, where whoever may describe the function reads it"
        unclear = holds_unknown(
            {name: value for name, value in variables.items() if is_secret_variable(name, "unknown")}
        )
        judgement = say(node, path, False if secret and not unclear else None if unclear else True, message)
        yield Judgement(
            verdict=judgement.verdict, path=path, value=sorted(variables), message=judgement.message, urn=node.urn
        )
        key = is_own_key(look(node.inputs, "kmsKeyArn"))
        yield say(node, "kmsKeyArn", key, "the environment is not encrypted with a key of yours")


@resource_rule("lambda-concurrency-limit")
def copies_are_limited(node: Node) -> Iterator[Judgement]:
    path = "reservedConcurrentExecutions"
    value = look(node.inputs, path)
    answer = None if is_unknown(value) else isinstance(value, int) and value >= 0
    yield say(node, path, answer, "this function may take the concurrency of all others in the account")
