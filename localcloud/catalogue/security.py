"""What guards the account: CloudTrail, Config, GuardDuty, Security Hub, and the account's defaults."""

from localcloud.catalogue.kind import Kind, Name

DETECTOR = "aws:guardduty/detector:Detector"
RECORDER = "aws:cfg/recorder:Recorder"


_SETTING = Kind(id="{account}", tags=False)
"""Exists once an account and region."""


KINDS = {
    "aws:cloudtrail/trail:Trail": Kind(
        id="{arn}",
        arn="arn:aws:cloudtrail:{region}:{account}:trail/{name}",
        outputs={"name": "{name}", "homeRegion": "{region}"},
        name=Name(longest=128, shortest=3, pattern=r"[a-zA-Z0-9][a-zA-Z0-9._\-]+[a-zA-Z0-9]"),
        trust={"cloudWatchLogsRoleArn": "cloudtrail.amazonaws.com"},
    ),
    DETECTOR: Kind(
        id="{hash}",
        arn="arn:aws:guardduty:{region}:{account}:detector/{id}",
        outputs={"accountId": "{account}"},
    ),
    "aws:guardduty/detectorFeature:DetectorFeature": Kind(
        id="{detectorId}/{name}", unique=("detectorId", "name"), tags=False
    ),
    RECORDER: Kind(
        id="{name}",
        outputs={"name": "{name}"},
        name=Name(longest=256),
        trust={"roleArn": "config.amazonaws.com"},
        tags=False,
    ),
    "aws:cfg/deliveryChannel:DeliveryChannel": Kind(
        id="{name}", outputs={"name": "{name}"}, name=Name(longest=256), tags=False
    ),
    "aws:cfg/recorderStatus:RecorderStatus": Kind(id="{name}", tags=False),
    "aws:securityhub/account:Account": Kind(
        id="{account}", arn="arn:aws:securityhub:{region}:{account}:hub/default", tags=False
    ),
    "aws:securityhub/standardsSubscription:StandardsSubscription": Kind(
        id="{standardsArn}", unique=("standardsArn",), tags=False
    ),
    "aws:accessanalyzer/analyzer:Analyzer": Kind(
        id="{analyzerName}",
        arn="arn:aws:access-analyzer:{region}:{account}:analyzer/{analyzerName}",
        name=Name(property="analyzerName", longest=255, pattern=r"[a-zA-Z][a-zA-Z0-9_.\-]*"),
    ),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": _SETTING,
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": _SETTING,
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": Kind(id="{account}", tags=False),
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy": _SETTING,
}
