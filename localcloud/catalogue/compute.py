"""What works through much at once: AWS Batch, EMR Serverless."""

from localcloud.catalogue.kind import ANYTHING, Kind, Name

ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
QUEUE = "aws:batch/jobQueue:JobQueue"
_BATCH = "arn:aws:batch:{region}:{account}:"
_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_\-]*"

KINDS = {
    ENVIRONMENT: Kind(
        id="{name}",
        arn=f"{_BATCH}compute-environment/{{name}}",
        outputs={
            "name": "{name}",
            "status": "VALID",
            "ecsClusterArn": "arn:aws:ecs:{region}:{account}:cluster/AWSBatch-{name}_Batch_{uuid}",
        },
        name=Name(longest=128, pattern=_NAME, prefix="namePrefix"),
        unique=("name",),
        kept_by=(QUEUE,),
    ),
    QUEUE: Kind(
        id="{arn}",
        arn=f"{_BATCH}job-queue/{{name}}",
        outputs={"name": "{name}"},
        name=Name(longest=128, pattern=_NAME),
        unique=("name",),
        kept_by=(ANYTHING,),
    ),
    "aws:batch/jobDefinition:JobDefinition": Kind(
        id="{arn}",
        arn=f"{_BATCH}job-definition/{{name}}:1",
        outputs={"name": "{name}", "revision": 1, "arnPrefix": f"{_BATCH}job-definition/{{name}}"},
        name=Name(longest=128, pattern=_NAME),
    ),
    "aws:emrserverless/application:Application": Kind(
        id="{hash}",
        arn="arn:aws:emr-serverless:{region}:{account}:/applications/{hash}",
        outputs={"name": "{name}"},
        name=Name(longest=64, pattern=r"[A-Za-z0-9._/#\-]+"),
    ),
}
