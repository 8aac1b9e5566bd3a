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
}
