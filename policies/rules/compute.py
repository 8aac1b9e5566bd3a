"""EC2: instances, launch templates, volumes and Auto Scaling groups."""

import base64
import binascii
from collections.abc import Iterator

from mlops.plan.graph import Graph, Node
from policies.answers import all_of, any_of, distinct, is_one, is_set, is_true, is_unknown, negated, rows
from policies.model import ABSENT, Judgement, look, say
from policies.references import referring
from policies.registry import resource_rule, stack_rule
from policies.rules.secrets import looks_secret

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
VOLUME = "aws:ebs/volume:Volume"


@resource_rule("ec2-imdsv2")
def metadata_needs_a_token(node: Node) -> Iterator[Judgement]:
    answer = any_of(
        [
            is_one(look(node.inputs, "metadataOptions.httpTokens"), "required"),
            is_one(look(node.inputs, "metadataOptions.httpEndpoint"), "disabled"),
        ]
    )
    yield say(node, "metadataOptions.httpTokens", answer, "instance credentials can be had without a token (IMDSv1)")


@resource_rule("ec2-imds-hop-limit")
def metadata_stays_on_the_instance(node: Node) -> Iterator[Judgement]:
    path = "metadataOptions.httpPutResponseHopLimit"
    answer = is_one(look(node.inputs, path), 1)
    yield say(node, path, answer, "containers can reach the credentials of the instance")


@resource_rule("ebs-volumes-encrypted")
def volumes_are_encrypted(node: Node) -> Iterator[Judgement]:
    message = "the volume is not encrypted"
    if node.type == VOLUME:
        yield say(node, "encrypted", is_true(look(node.inputs, "encrypted")), message)
    elif node.type == TEMPLATE:
        for path, _ in rows(node, "blockDeviceMappings"):
            if look(node.inputs, path) is ABSENT or look(node.inputs, f"{path}.ebs") is not ABSENT:
                yield say(node, f"{path}.ebs.encrypted", is_true(look(node.inputs, f"{path}.ebs.encrypted")), message)
    else:
        yield say(node, "rootBlockDevice.encrypted", is_true(look(node.inputs, "rootBlockDevice.encrypted")), message)
        for path, _ in rows(node, "ebsBlockDevices"):
            yield say(node, f"{path}.encrypted", is_true(look(node.inputs, f"{path}.encrypted")), message)


@resource_rule("ec2-no-public-ip")
def no_public_address(node: Node) -> Iterator[Judgement]:
    message = "the instance gets a public address"
    if node.type != TEMPLATE:
        answer = negated(is_true(look(node.inputs, "associatePublicIpAddress")))
        yield say(node, "associatePublicIpAddress", answer, message)
        return
    interfaces = [path for path, _ in rows(node, "networkInterfaces")]
    answers = [negated(is_true(look(node.inputs, f"{path}.associatePublicIpAddress"))) for path in interfaces]
    yield say(node, "networkInterfaces", all_of(answers), message)


@stack_rule("ec2-instance-profile")
def has_a_profile(graph: Graph) -> Iterator[Judgement]:
    """Templates of node groups are left out: EKS sets the profile from the node group's role and refuses a template
    that names one (EKS user guide, "Customize managed nodes with launch templates")."""
    message = "the instance has no role, so its programs need stored keys"
    for node in graph.of_type(INSTANCE):
        yield say(node, "iamInstanceProfile", is_set(look(node.inputs, "iamInstanceProfile")), message)
    for node in graph.of_type(TEMPLATE):
        if referring(graph, NODE_GROUP, "launchTemplate", node):
            continue
        profile = look(node.inputs, "iamInstanceProfile")
        named = any_of([is_set(look(profile, "arn")), is_set(look(profile, "name"))])
        yield say(node, "iamInstanceProfile", None if is_unknown(profile) else named, message)


@resource_rule("ec2-detailed-monitoring")
def watched_by_the_minute(node: Node) -> Iterator[Judgement]:
    path = "monitoring.enabled" if node.type == TEMPLATE else "monitoring"
    yield say(node, path, is_true(look(node.inputs, path)), "metrics come every five minutes only")


@resource_rule("ec2-user-data-no-secrets")
def user_data_without_secrets(node: Node) -> Iterator[Judgement]:
    for path in ("userData", "userDataBase64"):
        text = look(node.inputs, path)
        if text is ABSENT:
            continue
        answer = None if is_unknown(text) else not looks_secret(_decoded(str(text)))
        judgement = say(node, path, answer, "whoever may describe the instance can read a secret in its start script")
        yield judgement if answer else _hidden(judgement)


def _hidden(judgement: Judgement) -> Judgement:
    """A finding about a secret does not repeat it."""
    return Judgement(
        verdict=judgement.verdict, path=judgement.path, value=None, message=judgement.message, urn=judgement.urn
    )


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return text


@resource_rule("asg-multi-az")
def group_spans_zones(node: Node) -> Iterator[Judgement]:
    places = {path: look(node.inputs, path) for path in ("vpcZoneIdentifiers", "availabilityZones")}
    answer = any_of(None if is_unknown(value) else len(distinct(value)) > 1 for value in places.values())
    path = next((path for path, value in places.items() if value is not ABSENT), "vpcZoneIdentifiers")
    yield say(node, path, answer, "all instances are in one zone")


@resource_rule("asg-launch-template")
def starts_from_a_template(node: Node) -> Iterator[Judgement]:
    given = any_of(
        [is_set(look(node.inputs, "launchTemplate")), is_set(look(node.inputs, "mixedInstancesPolicy.launchTemplate"))]
    )
    old = is_set(look(node.inputs, "launchConfiguration"))
    answer = all_of([negated(old), given])
    yield say(node, "launchTemplate", answer, "instances start from a launch configuration")


@resource_rule("asg-elb-health-check")
def unhealthy_targets_are_replaced(node: Node) -> Iterator[Judgement]:
    behind = is_set(look(node.inputs, "targetGroupArns"))
    healthy = is_one(look(node.inputs, "healthCheckType"), "ELB")
    yield say(
        node,
        "healthCheckType",
        any_of([negated(behind), healthy]),
        "an instance that the load balancer gave up is not replaced",
    )
