"""KMS keys: rotated, closed, and slow to delete."""

from collections.abc import Iterable

from mlops.plan.graph import Node
from policies.answers import answer
from policies.conditions import CALLERS, closed
from policies.model import ABSENT, Judgement, judge, look, say
from policies.registry import resource_rule
from policies.rules.evidence import at_least, demand, one_of, yes

KEY = "aws:kms/key:Key"
_DAYS = 30
_CALLERS = frozenset((*CALLERS, "kms:calleraccount"))
"""`kms:ViaService` is not among them: it says through which service somebody comes, not who."""
_ROTATION_MESSAGE = "The key is never rotated."

demand(
    "kms-deletion-window",
    "deletionWindowInDays",
    at_least(_DAYS),
    f"The key is gone for good less than {_DAYS} days after somebody deletes it, and all that it encrypts with it.",
    absent_is_met=True,
)


@resource_rule("kms-rotation")
def keys_rotate(node: Node) -> Iterable[Judgement]:
    """KMS rotates symmetric keys only; the others are not judged."""
    spec = look(node.inputs, "customerMasterKeySpec")
    symmetric = True if spec is ABSENT else answer(spec, one_of("SYMMETRIC_DEFAULT"))
    if symmetric is None and look(node.inputs, "enableKeyRotation") is not True:
        yield say(node, "customerMasterKeySpec", None, _ROTATION_MESSAGE)
    elif symmetric is not False:
        yield judge(node, "enableKeyRotation", yes, _ROTATION_MESSAGE)


@resource_rule("kms-key-policy-not-public")
def key_policy_names_principals(node: Node) -> Iterable[Judgement]:
    """A key without a policy has AWS's own, which leaves all to IAM of the account."""
    message = "The key's policy lets everybody in, without a condition on account, service or organisation."
    return closed(node, message, _CALLERS, absent_is_met=node.type == KEY)
