"""SageMaker. Source of what is charged: its pricing page."""

from collections.abc import Iterator

from mlops.cost.model import Context, Item, Rule, hours, used
from mlops.plan.graph import Node

ENDPOINT_CONFIG = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
FEATURE_GROUP = "aws:sagemaker/featureGroup:FeatureGroup"
PIPELINE = "aws:sagemaker/pipeline:Pipeline"
SCHEDULE = "aws:sagemaker/monitoringSchedule:MonitoringSchedule"
DOMAIN = "aws:sagemaker/domain:Domain"
USER = "aws:sagemaker/userProfile:UserProfile"
SPACE = "aws:sagemaker/space:Space"
_JOBS = (PIPELINE, SCHEDULE)

STUDIO_TYPE = "ml.t3.medium"
"""What a Studio application runs on unless its user chooses another."""
JOB_TYPE = "ml.m5.xlarge"
"""What jobs are reckoned with: their definitions are made at run time."""


def endpoint(node: Node, context: Context) -> Iterator[Item]:
    """Instances behind the endpoint, by its configuration."""
    config = context.behind(node, "endpointConfigName", ENDPOINT_CONFIG)
    variants = [*config.at("productionVariants"), *config.at("shadowProductionVariants")] if config else []
    for variant in variants:
        if variant.at("serverlessConfig"):
            seconds = context.figure("requests.functions") * context.figure("requests.function_ms") / 1000
            # Its price follows the memory, as the pricing page has it.
            memory = variant.at("serverlessConfig.memorySizeInMb").number(2048)
            yield used("serverless inference", ("sagemaker", "serverless_inference_2gb"), seconds * memory / 2048)
            continue
        count, name = variant.at("initialInstanceCount").number(1), variant.at("instanceType").text("unknown")
        yield hours(f"endpoint, {count} × {name}", ("sagemaker", name), count)


def notebook(node: Node, context: Context) -> Iterator[Item]:
    name = node.at("instanceType").text() or STUDIO_TYPE
    running = context.figure("compute.notebook_hours")
    yield used(f"notebook {name}", ("sagemaker", name), running)
    gb = node.at("volumeSize").number(5)
    yield Item(label=f"notebook volume, {gb} GB", sku=("sagemaker", "notebook_volume"), quantity=gb)


def user(node: Node, context: Context) -> Iterator[Item]:
    """A user's Studio application while it runs; those who have a space of their own work in that."""
    owners = (context.behind(space, "ownershipSettings", USER) for space in context.of_type(SPACE))
    if any(owner and owner.urn == node.urn for owner in owners):
        return
    running = context.figure("compute.notebook_hours")
    yield used(f"Studio application of a user, {STUDIO_TYPE}", ("sagemaker", STUDIO_TYPE), running)


def space(node: Node, context: Context) -> Iterator[Item]:
    """Its application while it runs, and its volume as long as it is there."""
    settings = node.at("spaceSettings")
    editors = (
        settings.at(f"{kind}AppSettings.defaultResourceSpec.instanceType") for kind in ("jupyterLab", "codeEditor")
    )
    name = next((text for one in editors if (text := one.text())), STUDIO_TYPE)
    yield used(f"Studio application of a space, {name}", ("sagemaker", name), context.figure("compute.notebook_hours"))
    gb = settings.at("spaceStorageSettings.ebsStorageSettings.ebsVolumeSizeInGb").number(5)
    yield Item(label=f"volume of a space, {gb} GB", sku=("sagemaker", "notebook_volume"), quantity=gb)


def domain(node: Node, context: Context) -> Iterator[Item]:
    """The home directories of its users."""
    gb = context.share("storage.files_gb", DOMAIN)
    yield used("Studio home directories", ("sagemaker", "studio_efs"), gb)


def jobs(node: Node, context: Context) -> Iterator[Item]:
    running = context.share("compute.training_hours", *_JOBS)
    yield used(f"jobs on {JOB_TYPE}", ("sagemaker", JOB_TYPE), running)


def feature_group(node: Node, context: Context) -> Iterator[Item]:
    """The online store; the offline one is objects in a bucket."""
    if not node.at("onlineStoreConfig.enableOnlineStore"):
        return
    reads = context.share("requests.table_reads", FEATURE_GROUP) / 1_000_000
    writes = context.share("requests.table_writes", FEATURE_GROUP) / 1_000_000
    yield used("online features: reads", ("sagemaker", "feature_store_read"), reads)
    yield used("online features: writes", ("sagemaker", "feature_store_write"), writes)
    gb = context.share("requests.table_gb", FEATURE_GROUP)
    yield used("online features: storage", ("sagemaker", "feature_store_online_storage"), gb)


def tracking_server(node: Node, context: Context) -> Iterator[Item]:
    size = (node.at("trackingServerSize").text() or "Small").lower()
    yield hours(f"MLflow tracking server ({size})", ("sagemaker", f"mlflow_{size}"))


RULES: dict[str, Rule] = {
    "aws:sagemaker/endpoint:Endpoint": endpoint,
    "aws:sagemaker/notebookInstance:NotebookInstance": notebook,
    USER: user,
    SPACE: space,
    DOMAIN: domain,
    PIPELINE: jobs,
    SCHEDULE: jobs,
    FEATURE_GROUP: feature_group,
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": tracking_server,
    # What AWS takes for an app stands in no list that the book was read from: it shows as a price that is missing.
    "aws:sagemaker/mlflowApp:MlflowApp": lambda node, context: [hours("MLflow app", ("sagemaker", "mlflow_app"))],
}
