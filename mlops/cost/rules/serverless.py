"""Lambda, API Gateway, Glue, Athena, Step Functions, MWAA. Source of what is charged: their pricing pages."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.cost.model import Context, Item, Rule, hours, part_of, tiered, tiered_from, tiered_share, used
from mlops.plan.graph import Node

FUNCTION = "aws:lambda/function:Function"
HTTP_API = "aws:apigatewayv2/api:Api"
REST_API = "aws:apigateway/restApi:RestApi"
_APIS = (HTTP_API, REST_API)
CRAWLER, JOB = "aws:glue/crawler:Crawler", "aws:glue/job:Job"
ATHENA = "aws:athena/workgroup:Workgroup"
STATE_MACHINE = "aws:sfn/stateMachine:StateMachine"

_X86 = (("x86_first_6b", 6_000_000_000), ("x86_next_9b", 15_000_000_000), ("x86_over_15b", float("inf")))
_HTTP = (("http_first_300m", 300), ("http_over_300m", float("inf")))
_REST = (
    ("rest_first_333m", 333),
    ("rest_next_667m", 1_000),
    ("rest_next_19b", 20_000),
    ("rest_over_20b", float("inf")),
)
_ARM = (("arm_first_7_5b", 7_500_000_000), ("arm_next_11_25b", 18_750_000_000), ("arm_over_18_75b", float("inf")))
_FREE_TEMP_MB = 512


def function(node: Node, context: Context) -> Iterator[Item]:
    """Invocations and GB-seconds. The monthly free amounts of an account are not taken off."""
    functions = context.of_type(FUNCTION)
    calls = part_of(context.figure("requests.functions"), len(functions))
    seconds = calls * context.figure("requests.function_ms") / 1000
    before = next((place for place, one in enumerate(functions) if one.urn == node.urn), 0)
    memory_gb = node.at("memorySize").number(128) / 1024
    yield used("Lambda invocations", ("lambda", "requests"), calls / 1_000_000)
    if "arm64" in node.at("architectures").texts():
        label, steps = "Lambda GB-seconds (arm64)", _ARM
    else:
        label, steps = "Lambda GB-seconds", _X86
    # Functions before this one have used as much: what each takes of the tiers follows from its place.
    used_before = seconds.value * memory_gb * before
    yield from tiered_from(label, "lambda", steps, seconds * memory_gb, used_before)
    extra_mb = node.at("ephemeralStorage.size").number() - _FREE_TEMP_MB
    extra = max(extra_mb, Decimal(0)) / 1024 * seconds
    yield used("Lambda temporary storage over 512 MB", ("lambda", "ephemeral_storage_over_512mb"), extra)


def provisioned_concurrency(node: Node, context: Context) -> Iterator[Item]:
    count = node.at("provisionedConcurrentExecutions").number(1)
    owner = context.behind(node, "functionName", FUNCTION)
    function = owner or node
    memory_gb = function.at("memorySize").number(128) / 1024
    sku = "provisioned_gb_hour_arm" if "arm64" in function.at("architectures").texts() else "provisioned_gb_hour"
    yield hours(f"Lambda provisioned concurrency, {count}", ("lambda", sku), count * memory_gb)


def http_api(node: Node, context: Context) -> Iterator[Item]:
    millions = context.share("requests.api", *_APIS) / 1_000_000
    if node.at("protocolType").text() == "WEBSOCKET":
        yield used("API Gateway messages", ("api_gateway", "websocket_messages_first_1b"), millions)
    else:
        yield from tiered("API Gateway requests (HTTP)", "api_gateway", _HTTP, millions)


def rest_api(node: Node, context: Context) -> Iterator[Item]:
    millions = context.figure("requests.api") / 1_000_000
    yield from tiered_share(
        "API Gateway requests (REST)", "api_gateway", _REST, millions, node, context.of_type(*_APIS)
    )


def glue(node: Node, context: Context) -> Iterator[Item]:
    yield used("Glue", ("glue", "etl_dpu"), context.share("compute.job_dpu_hours", CRAWLER, JOB))


def athena(node: Node, context: Context) -> Iterator[Item]:
    yield used("Athena: data scanned", ("athena", "sql_scanned"), context.share("compute.query_tb", ATHENA))


def state_machine(node: Node, context: Context) -> Iterator[Item]:
    """Standard workflows by transition; express ones by request and duration."""
    transitions = context.share("requests.state_transitions", STATE_MACHINE)
    kind = (node.at("type").text() or "STANDARD").lower()
    yield used("Step Functions", ("step_functions", f"{kind}_transitions"), transitions / 1000)


def airflow(node: Node, context: Context) -> Iterator[Item]:
    """The environment with its fewest workers, its schedulers beyond the two included, and its database."""
    size = (node.at("environmentClass").text() or "mw1.small").removeprefix("mw1.")
    yield hours(f"Airflow environment ({size})", ("mwaa", f"environment_{size}"))
    extra = max(node.at("minWorkers").number(1) - 1, Decimal(0))
    yield hours("further Airflow workers", ("mwaa", f"worker_{size}"), extra)
    schedulers = max(node.at("schedulers").number(2) - 2, Decimal(0))
    yield hours("further Airflow schedulers", ("mwaa", f"scheduler_{size}"), schedulers)
    yield used("Airflow database", ("mwaa", "meta_database"), 10)


RULES: dict[str, Rule] = {
    FUNCTION: function,
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": provisioned_concurrency,
    HTTP_API: http_api,
    REST_API: rest_api,
    CRAWLER: glue,
    JOB: glue,
    ATHENA: athena,
    STATE_MACHINE: state_machine,
    "aws:mwaa/environment:Environment": airflow,
}
