"""What runs jobs of several steps."""

from localcloud.catalogue.kind import Kind, Name

KINDS = {
    "aws:sfn/stateMachine:StateMachine": Kind(
        id="{arn}",
        arn="arn:aws:states:{region}:{account}:stateMachine:{name}",
        outputs={"name": "{name}", "status": "ACTIVE", "creationDate": "2026-01-01T00:00:00Z", "revisionId": "INITIAL"},
        name=Name(longest=80, pattern=r"[a-zA-Z0-9_\-]+", prefix="namePrefix"),
        trust={"roleArn": "states.amazonaws.com"},
    ),
    "aws:mwaa/environment:Environment": Kind(
        id="{name}",
        arn="arn:aws:airflow:{region}:{account}:environment/{name}",
        outputs={
            "status": "AVAILABLE",
            "webserverUrl": "{hash}.c1.{region}.airflow.amazonaws.com",
            "createdAt": "2026-01-01T00:00:00Z",
        },
        name=Name(longest=80, pattern=r"[a-zA-Z][0-9a-zA-Z\-_]*"),
        unique=("name",),
        trust={"executionRoleArn": "airflow.amazonaws.com"},
    ),
}
