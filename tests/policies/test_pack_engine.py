"""The pack as the real engine asks it, on the stand-in cloud.

The engine starts a pack through the Python language host, else through a small program of older distributions,
`pulumi-analyzer-policy-python`; a script of two lines stands in for that one, everything else is the engine's own.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.automation import EngineEvent

from localcloud.engine import LocalCloud, Result
from mlops.plan.recorder import record
from policies import pack
from policies.engine import judge
from tests.cli.conftest import executable
from tests.platforms import ROOT

pytestmark = pytest.mark.engine
PULUMI = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"


def key(*, rotation: bool) -> Callable[[], None]:
    """A program that makes one encryption key."""

    def program() -> None:
        provider = aws.Provider("aws", region="us-east-1")
        names = ("Environment", "Owner", "CostCenter", "DataClassification")
        tags: dict[str, pulumi.Input[str]] = dict.fromkeys(names, "test")
        opts = pulumi.ResourceOptions(provider=provider)
        aws.kms.Key("key", enable_key_rotation=rotation, deletion_window_in_days=30, tags=tags, opts=opts)

    return program


@dataclass(frozen=True)
class Judged:
    """What the engine did, and what the pack told it."""

    result: Result
    said: set[tuple[str, str | None, str]]
    """Rule, URN and sentence of every violation; the stack's own URN where it is about the stack."""
    notes: tuple[str, ...]
    """Rules that could not be judged, with the reason."""


Judge = Callable[..., Judged]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Bring up a program with the pack: `up` with its own levels, or with `level` for every rule."""
    script = f'exec "{sys.executable}" -u "{ROOT / "policies"}"'
    executable(tmp_path / "bin" / "pulumi-analyzer-policy-python", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def run(program: Callable[[], object], config: Mapping[str, str], level: str | None = None) -> Judged:
        events: list[EngineEvent] = []
        options: dict[str, Any] = {"policy_packs": [str(ROOT / "policies")]}
        if level:
            (tmp_path / "levels.json").write_text(json.dumps({"all": level}))
            options["policy_pack_configs"] = [str(tmp_path / "levels.json")]
        with LocalCloud(tmp_path / "state", pulumi=PULUMI.resolve(), throwaway=True) as cloud:
            stack = cloud.stack(program, project="mlops", stack="test", config=config)
            up = stack._stack.up

            def watched(on_event: Callable[[EngineEvent], object], **more: Any) -> object:
                return up(on_event=lambda event: (events.append(event), on_event(event)), **options, **more)

            monkeypatch.setattr(stack._stack, "up", watched)
            result = stack.up()
        told = [event.policy_event for event in events if event.policy_event]
        notes = tuple(one.message for one in told if "can't run policy" in one.message)
        said = {(one.policy_name, one.resource_urn, sentence(one.message)) for one in told if one.message not in notes}
        return Judged(result, said, notes)

    return run


def sentence(message: str) -> str:
    """What the pack said of one resource, without the rule's description, colours and line breaks."""
    return message.rstrip().splitlines()[-1].strip()


def test_the_engine_refuses_a_stack_that_breaks_a_mandatory_rule(judged: Judge) -> None:
    answer = judged(key(rotation=False), {"mlops:tier": "prod"})
    assert not answer.result.ok
    assert "kms-rotation" in {rule for rule, _, _ in answer.said}


def test_the_engine_brings_up_a_stack_that_keeps_them(judged: Judge) -> None:
    answer = judged(key(rotation=True), {"mlops:tier": "dev"})
    assert answer.result.ok
    assert answer.said


STACK = "urn:pulumi:test::mlops::pulumi:pulumi:Stack::mlops-test"
WEAKENED: dict[str, Any] = {
    "account_baseline": None,
    "cluster": {"log_types": ["api"], "log_retention_days": 1},
    "database": {"multi_az": False, "protect": False, "deletion_protection": False, "backup_retention_days": 1},
    "network": {"zones": 2, "nat": "one", "flow_log_days": 1},
}
"""What prod should not be: without a standby database and a trail, with what it keeps forgotten in a day."""


def the_platform() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


def the_platform_and_strangers() -> None:
    """The platform, and beside it what somebody added without looking."""
    the_platform()
    opts = pulumi.ResourceOptions(provider=aws.Provider("strangers", region="us-east-1"))
    aws.s3.Bucket("stranger", opts=opts)
    aws.iam.User("stranger", opts=opts)
    network = aws.ec2.Vpc("stranger", cidr_block="10.9.0.0/16", opts=opts)
    anybody = aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=22, to_port=22, cidr_blocks=["0.0.0.0/0"])
    aws.ec2.SecurityGroup("stranger", vpc_id=network.id, ingress=[anybody], opts=opts)


@pytest.mark.parametrize(
    ("program", "tier", "override"),
    [
        pytest.param(the_platform, "dev", {}, marks=pytest.mark.long),
        pytest.param(the_platform, "prod", WEAKENED),
        pytest.param(the_platform_and_strangers, "prod", {}),
        pytest.param(the_platform, "enterprise", {}, marks=pytest.mark.long),
    ],
    ids=["dev", "prod, weakened", "prod, with strangers", "enterprise"],
)
def test_the_engine_finds_in_a_whole_tier_what_is_found_offline(
    judged: Judge, program: Callable[[], None], tier: str, override: Mapping[str, Any]
) -> None:
    config = {"mlops:tier": tier, "mlops:platform": json.dumps(override)}
    answer = judged(program, config, level="advisory")
    graph = record(program, project="mlops", stack="test", config=config)
    assert answer.result.ok
    assert answer.notes == ()
    assert answer.said == {
        (one.rule.id, one.urn or STACK, pack.violation(one.rule, one.path, one.message))
        for one in judge(graph, tier, pack.own_exemptions()).findings
        if one.stands and one.level is one.rule.level(tier)
    }


def test_prod_without_a_standby_database_is_not_deployed(judged: Judge) -> None:
    override = {"database": {"multi_az": False}}
    answer = judged(the_platform, {"mlops:tier": "prod", "mlops:platform": json.dumps(override)})
    assert not answer.result.ok
    assert "rds-multi-az" in {rule for rule, _, _ in answer.said}
