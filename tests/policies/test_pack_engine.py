"""The pack as the real engine asks it, on the stand-in cloud.

The engine starts a pack through a small program of its distribution, `pulumi-analyzer-policy-python`; a script of two
lines stands in for that one, everything else is the engine's own.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from localcloud.engine import LocalCloud, Result
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


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], tuple[Result, str]]:
    """Bring up a program with the pack; the result, and what the engine printed."""
    script = f'exec "{sys.executable}" -u "{ROOT / "policies"}"'
    executable(tmp_path / "bin" / "pulumi-analyzer-policy-python", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def run(tier: str, program: Callable[[], None]) -> tuple[Result, str]:
        lines: list[str] = []
        config = {"mlops:tier": tier, "pulumi:disable-default-providers": '["*"]'}
        with LocalCloud(tmp_path / "state", pulumi=PULUMI.resolve(), throwaway=True) as cloud:
            stack = cloud.stack(program, project="mlops", stack="test", config=config)
            options = {"policy_packs": [str(ROOT / "policies")], "on_output": lines.append}
            monkeypatch.setattr(stack._stack, "up", functools.partial(stack._stack.up, **options))
            return stack.up(), "\n".join(lines)

    return run


def test_the_engine_refuses_a_stack_that_breaks_a_mandatory_rule(
    judged: Callable[[str, Callable[[], None]], tuple[Result, str]],
) -> None:
    result, text = judged("prod", key(rotation=False))
    assert not result.ok
    assert "[mandatory]" in text
    assert "kms-rotation" in text


def test_the_engine_brings_up_a_stack_that_keeps_them(
    judged: Callable[[str, Callable[[], None]], tuple[Result, str]],
) -> None:
    result, text = judged("dev", key(rotation=True))
    assert result.ok, text
    assert "mlops-platform" in text
