"""Buckets, volumes and their like."""

from mlops.change.transitions.step import Refusal, Rules, Step, not_less

_STATUS = "versioningConfiguration.status"


def _versioning(step: Step) -> Refusal | None:
    """Versions are suspended, not abolished."""
    before, after = step.texts(_STATUS)
    if after != "Disabled" or before in ("", "Disabled"):
        return None
    return Refusal(
        path=_STATUS,
        words=f"the provider refuses: versioning cannot be updated from {before} to Disabled",
        instead="Suspended: new objects get no versions any more, those that are there stay.",
        source="terraform-provider-aws internal/service/s3/bucket_versioning.go at ba227957",
    )


RULES: Rules = {
    "aws:s3/bucketVersioning:BucketVersioning": (_versioning,),
    "aws:ebs/volume:Volume": (
        not_less(
            "size",
            "InvalidParameterValue: New size cannot be smaller than existing size: {before} to {after} GiB",
            "Make a second, smaller volume and copy the files.",
            "EC2 user guide, 'Requirements for EBS volume modifications'",
        ),
    ),
}
