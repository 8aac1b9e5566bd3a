"""Settings of the whole account for data: no public buckets or snapshots, disks encrypted.

A stack that does not own the account's settings is judged only by those that it makes all the same.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mlops.plan.graph import Graph
from policies.model import Judgement, judge, say
from policies.registry import stack_rule
from policies.rules.evidence import one_of, yes
from policies.rules.ownership import owns_account_settings
from policies.rules.storage import PUBLIC_FLAGS

ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
EBS_ENCRYPTION = "aws:ebs/encryptionByDefault:EncryptionByDefault"
SNAPSHOT_BLOCK = "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess"


def _setting(
    graph: Graph,
    type_: str,
    paths: Iterable[str],
    holds: Callable[[Any], bool],
    message: str,
    *,
    absent_is_met: bool = False,
) -> Iterator[Judgement]:
    found = graph.of_type(type_)
    if not found and owns_account_settings(graph):
        yield say(None, "", False, f"The stack owns the account's settings, but has no {type_.rpartition(':')[2]}.")
    for node in found:
        yield from (judge(node, path, holds, message, absent_is_met=absent_is_met) for path in paths)


@stack_rule("s3-account-public-access-blocked")
def no_bucket_of_the_account_is_public(graph: Graph) -> Iterable[Judgement]:
    message = "Buckets of the account can be opened to the public."
    return _setting(graph, ACCOUNT_BLOCK, PUBLIC_FLAGS, yes, message)


@stack_rule("ebs-encryption-by-default")
def new_disks_are_encrypted(graph: Graph) -> Iterable[Judgement]:
    """A setting without a value switches the encryption on."""
    message = "New disks of the account are not encrypted unless somebody asks for it."
    return _setting(graph, EBS_ENCRYPTION, ("enabled",), yes, message, absent_is_met=True)


@stack_rule("ebs-snapshot-public-access-blocked")
def no_snapshot_of_the_account_is_public(graph: Graph) -> Iterable[Judgement]:
    message = "Snapshots of the account's disks can be shared with everybody."
    blocked = one_of("block-all-sharing", "block-new-sharing")
    return _setting(graph, SNAPSHOT_BLOCK, ("state",), blocked, message)
