"""What a trail of CloudTrail really records, by its selectors of either kind.

Source: CloudTrail user guide, "Logging management events", "Logging data events", "Filtering data events by using
advanced event selectors": a field that a selector names leaves out whatever does not match it.
"""

from collections.abc import Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, any_of, as_list, holds_unknown, is_false, is_one, is_set, negated, rows
from policies.model import ABSENT, Answer, look

_BASIC, _ADVANCED = "eventSelectors", "advancedEventSelectors"
_EVERY_BUCKET = ("arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::*")


def records_management(node: Node) -> Answer:
    """Whether every management event is recorded. A trail without selectors records them all."""
    basic = [None if row == UNKNOWN else _basic_management(row) for _, row in rows(node, _BASIC)]
    advanced = [None if row == UNKNOWN else _takes_all(row, "Management") for _, row in rows(node, _ADVANCED)]
    return any_of([*basic, *advanced]) if basic or advanced else True


def records_objects(node: Node) -> Answer:
    """Whether reads and writes of the objects of every bucket are recorded."""
    own = look(node.inputs, "s3BucketName")
    basic = [None if row == UNKNOWN else _basic_objects(row) for _, row in rows(node, _BASIC)]
    advanced = [None if row == UNKNOWN else _takes_all(row, "Data", own) for _, row in rows(node, _ADVANCED)]
    return any_of([*basic, *advanced])


def _basic_management(row: Any) -> Answer:
    return all_of(
        [
            is_one(look(row, "readWriteType"), "All", ABSENT),
            negated(is_false(look(row, "includeManagementEvents"))),
            negated(is_set(look(row, "excludeManagementEventSources"))),
        ]
    )


def _basic_objects(row: Any) -> Answer:
    every = any_of(
        None
        if one == UNKNOWN
        else all_of([is_one(look(one, "type"), "AWS::S3::Object"), _names_every_bucket(look(one, "values"))])
        for one in as_list(look(row, "dataResources"))
    )
    return all_of([is_one(look(row, "readWriteType"), "All", ABSENT), every])


def _names_every_bucket(values: Any) -> Answer:
    return any_of(is_one(value, *_EVERY_BUCKET) for value in as_list(values))


def _takes_all(selector: Any, category: str, own_bucket: Any = "") -> Answer:
    """Whether a selector takes every event of a category; of data events, those of S3 objects."""
    found = as_list(look(selector, "fieldSelectors"))
    if holds_unknown([look(one, "field") for one in found]) or UNKNOWN in found:
        return None
    fields: dict[str, Mapping[str, Any]] = {str(look(one, "field")): one for one in found}
    wanted = {"eventCategory": category}
    if category == "Data":
        # The kind of the resource says the category as well.
        wanted = {"resources.type": "AWS::S3::Object", **(wanted if "eventCategory" in fields else {})}
    answers = [is_one(look(fields.pop(field, {}), "equals"), [value]) for field, value in wanted.items()]
    trails_own = fields.pop("resources.ARN", None)
    if trails_own is not None:
        # Its own writes would be recorded, and the record written, for ever.
        answers.append(_leaves_out_only(trails_own, own_bucket))
    return all_of([*answers, not fields])


def _leaves_out_only(field: Mapping[str, Any], bucket: Any) -> Answer:
    left_out = {key: value for key, value in field.items() if key != "field"}
    if holds_unknown(left_out) or holds_unknown(bucket):
        return None
    starts = {f"arn:{partition}:s3:::{bucket}/" for partition in ("aws", "aws-cn", "aws-us-gov")}
    return left_out.keys() <= {"notStartsWiths"} and set(as_list(left_out.get("notStartsWiths"))) <= starts
