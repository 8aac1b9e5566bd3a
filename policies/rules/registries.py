"""Image registries: scanned, unchangeable, private, cleaned up."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, answer, any_of, elements
from policies.conditions import closed
from policies.model import Answer, Judgement, judge, look, say
from policies.patterns import is_open
from policies.references import attached
from policies.registry import resource_rule, stack_rule
from policies.rules.evidence import demand, given, one_of, yes

REPOSITORY = "aws:ecr/repository:Repository"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"


@resource_rule("ecr-immutable-tags")
def tags_stay(node: Node) -> Iterable[Judgement]:
    """An exclusion of every tag leaves none that cannot be moved."""
    message = "A tag can be moved to another image: what was tested need not be what runs."
    yield judge(node, "imageTagMutability", one_of("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"), message)
    path = "imageTagMutabilityExclusionFilters"
    for index, row in enumerate(elements(look(node.inputs, path))):
        yield (
            judge(node, f"{path}[{index}].filter", lambda text: not is_open(str(text)), message)
            if row
            else say(node, path, None, message)
        )


demand(
    "ecr-kms",
    "encryptionConfigurations[0].encryptionType",
    one_of("KMS", "KMS_DSSE"),
    "Images are encrypted with a key of S3's, not with KMS.",
)


@stack_rule("ecr-scan-on-push")
def images_are_scanned(graph: Graph) -> Iterable[Judgement]:
    """By the repository's own setting, or by a rule of the registry that covers it."""
    rules = [rule for node in graph.of_type(SCANNING) for rule in elements(look(node.inputs, "rules"))]
    path = "imageScanningConfiguration.scanOnPush"
    for repository in graph.of_type(REPOSITORY):
        name = look(repository.inputs, "name")
        scanned = (answer(look(repository.inputs, path), yes), *(_covers(rule, name) for rule in rules))
        yield say(repository, path, any_of(scanned), "Nobody looks for known vulnerabilities in the images.")


def _covers(rule: Any, name: Any) -> Answer:
    scans = answer(look(rule, "scanFrequency"), one_of("SCAN_ON_PUSH", "CONTINUOUS_SCAN"))
    filters = elements(look(rule, "repositoryFilters"))
    return all_of((scans, any_of(_matches(look(one, "filter"), name) for one in filters)))


def _matches(pattern: Any, name: Any) -> Answer:
    """Registry filters match anywhere in a name unless they hold a wildcard."""
    if pattern == "*":
        return True
    if UNKNOWN in (pattern, name) or not isinstance(name, str):
        return None
    if not isinstance(pattern, str):
        return False
    return fnmatchcase(name, pattern if "*" in pattern else f"*{pattern}*")


@stack_rule("ecr-lifecycle")
def images_are_cleaned_up(graph: Graph) -> Iterable[Judgement]:
    message = "No image is ever removed: the repository only grows."
    policies = attached(graph, (LIFECYCLE,), "repository", (REPOSITORY,))
    for repository in graph.of_type(REPOSITORY):
        for policy in policies.of(repository):
            yield judge(policy, "policy", given, message)
        if not policies.of(repository):
            yield policies.missing(repository, message)


@resource_rule("ecr-not-public")
def repository_policy_names_principals(node: Node) -> Iterable[Judgement]:
    """No condition makes up for an open principal here: a pull needs no more than a name."""
    return closed(node, "The policy lets everybody in.", ())
