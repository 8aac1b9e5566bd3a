"""The official policy pack: the same rules as offline, the same verdicts, and a server that the engine can ask."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UnknownValueError, unknown_checking_proxy

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies import pack
from policies.engine import applicable, judge
from policies.exemptions import Exemption
from policies.facts import facts
from policies.model import Level, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS
from tests.nodes import graph
from tests.platforms import ROOT, tier_graph
from tests.policies.test_kubernetes_cluster import policy, space
from tests.policies.test_kubernetes_pods import workload

OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
POLICIES = {one.name: one for one in pack.policies("prod")}
PRIVILEGED = workload(security={"privileged": True})


def known(value: Any) -> Any:
    """Inputs as the engine hands them over: what is not known is a marker."""
    if isinstance(value, Mapping):
        return {key: known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [known(item) for item in value]
    return UNKNOWN_BOOLEAN_VALUE if value == UNKNOWN else value


def asked(rule: str, *nodes: Node) -> tuple[set[tuple[str, str]], bool]:
    """What the pack's policy reports of these resources, as (URN, property), and whether it met something unknown."""
    found: set[tuple[str, str]] = set()
    unknown = False

    def report(message: str, urn: str | None = None) -> None:
        found.add((urn or "", message.partition(": ")[0]))

    one = POLICIES[rule]
    try:
        if isinstance(one, StackValidationPolicy):
            one.validate(StackValidationArgs([_resource(node) for node in nodes]), report)
        elif isinstance(one, ResourceValidationPolicy):
            for node in nodes:
                props = unknown_checking_proxy(known(node.inputs))
                one.validate(ResourceValidationArgs(node.type, props, node.urn, node.name, OPTIONS, None), report)
    except UnknownValueError:
        unknown = True
    return found, unknown


def _resource(node: Node) -> PolicyResource:
    props = unknown_checking_proxy(known(node.inputs))
    return PolicyResource(node.type, props, node.urn, node.name, OPTIONS, None, None, [], {})


def offline(rule: str, stack: Graph) -> tuple[set[tuple[str, str]], bool]:
    findings = judge(stack, "prod").by_rule.get(rule, [])
    broken = {
        (one.urn, one.path)
        for one in findings
        if one.verdict is Verdict.BROKEN and (one.level is facts().rules[rule].level("prod"))
    }
    return broken, any(one.verdict is Verdict.UNKNOWN for one in findings)


def test_the_pack_holds_every_rule_that_the_tier_does_not_disable() -> None:
    assert set(POLICIES) == {rule.id for rule, _ in applicable("prod")}
    assert len(POLICIES) > 30


def test_a_policy_runs_the_very_check_that_runs_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    rule = "k8s-no-privileged"
    monkeypatch.setitem(RESOURCE_CHECKS, rule, lambda node: seen.append(node.urn) or ())
    made = {one.name: one for one in pack.policies("prod")}[rule]
    assert isinstance(made, ResourceValidationPolicy)
    args = ResourceValidationArgs(PRIVILEGED.type, PRIVILEGED.inputs, PRIVILEGED.urn, PRIVILEGED.name, OPTIONS, None)
    made.validate(args, lambda message, urn=None: None)
    judge(graph(PRIVILEGED), "prod")
    assert seen == [PRIVILEGED.urn, PRIVILEGED.urn]


def test_what_the_pack_says_of_a_rule_are_the_facts_of_the_rule() -> None:
    for name, one in POLICIES.items():
        rule = facts().rules[name]
        assert one.enforcement_level is EnforcementLevel(rule.level("prod").value)
        assert one.remediation_steps == rule.fix
        assert isinstance(one, StackValidationPolicy) == (name in STACK_CHECKS)


@pytest.mark.parametrize("rule", sorted(POLICIES.keys() & RESOURCE_CHECKS.keys()))
def test_a_rule_of_a_resource_gives_the_same_verdicts_through_both(rule: str) -> None:
    stack = tier_graph("prod")
    assert asked(rule, *stack) == offline(rule, stack)


def test_a_rule_of_the_stack_gives_the_same_verdicts_through_both() -> None:
    rule = "k8s-namespace-network-policy"
    for nodes in ((space(),), (space(), policy()), (space(UNKNOWN), policy())):
        assert asked(rule, *nodes) == offline(rule, graph(*nodes))


def test_a_value_that_a_preview_cannot_know_is_unknown_and_no_breach() -> None:
    found = asked("k8s-no-privileged", workload(security={"privileged": UNKNOWN}))
    assert found == (set(), True)


def test_where_a_preview_foresees_nothing_the_stack_is_judged_by_what_the_program_asks_for() -> None:
    rule = "k8s-namespace-network-policy"
    bare = Node(urn=space().urn, type=space().type, name=space().name)
    asked("k8s-no-privileged", space())
    assert asked(rule, bare) == offline(rule, graph(space()))
    assert asked(rule, bare)[0]


def test_a_resource_without_inputs_keeps_no_rule_of_the_stack_from_running() -> None:
    provider = Node(
        urn="urn:pulumi:test::test::pulumi:providers:pulumi::default", type="pulumi:providers:pulumi", name="default"
    )
    asked("k8s-no-privileged", space())
    for rule in sorted(POLICIES.keys() & STACK_CHECKS.keys()):
        assert asked(rule, space(), provider) == asked(rule, space()), rule


def test_an_accepted_breach_does_not_stop_a_deployment() -> None:
    accepted = Exemption(rule="k8s-no-privileged", resource="server", reason="x", expires=date(2027, 1, 1))
    made = {one.name: one for one in pack.policies("prod", [accepted])}["k8s-no-privileged"]
    assert isinstance(made, ResourceValidationPolicy)
    said: list[str] = []
    args = ResourceValidationArgs(PRIVILEGED.type, PRIVILEGED.inputs, PRIVILEGED.urn, PRIVILEGED.name, OPTIONS, None)
    made.validate(args, lambda message, urn=None: said.append(message))
    assert said == []


@pytest.mark.parametrize(
    ("environment", "tier"),
    [
        ({"PULUMI_PROJECT": "mlops", "PULUMI_CONFIG": '{"mlops:tier": "dev"}'}, "dev"),
        ({"PULUMI_PROJECT": "other", "PULUMI_CONFIG": '{"other:tier": "prod"}'}, "prod"),
        ({}, ""),
    ],
)
def test_the_tier_comes_from_the_stack_that_the_engine_works_on(environment: dict[str, str], tier: str) -> None:
    assert pack.tier_of(environment) == tier


def _asked_over_the_wire(tier: str, cwd: Path) -> tuple[Any, Any]:
    """Start the pack as the engine's plug-in does and ask it about one resource."""
    variables = {**os.environ, "PULUMI_PROJECT": "mlops", "PULUMI_CONFIG": json.dumps({"mlops:tier": tier})}
    command = [sys.executable, "-u", str(ROOT / "policies")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables, cwd=cwd) as server:
        try:
            assert server.stdout
            port = int(server.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = analyzer_pb2_grpc.AnalyzerStub(channel)
                request = analyzer_pb2.AnalyzeRequest(type=PRIVILEGED.type, urn=PRIVILEGED.urn, name=PRIVILEGED.name)
                request.properties.update(PRIVILEGED.inputs)
                return stub.GetAnalyzerInfo(empty_pb2.Empty()), stub.Analyze(request)
        finally:
            server.terminate()


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_the_pack_answers_the_engine_from_any_folder(tier: str, tmp_path: Path) -> None:
    info, answer = _asked_over_the_wire(tier, tmp_path)
    assert info.name == pack.NAME
    assert len(info.policies) == len(pack.policies(tier))
    broken = {one.policyName: one for one in answer.diagnostics}
    assert broken["k8s-no-privileged"].enforcementLevel == analyzer_pb2.MANDATORY
    assert "To mend it: remove." in broken["k8s-no-privileged"].message
    assert facts().rules["k8s-no-privileged"].level(tier) is Level.MANDATORY
