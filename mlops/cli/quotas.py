"""The part of `mlops doctor` that asks AWS, through the AWS CLI."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlops.cli.checks import Check
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.plan import capacity


def online(target: Target | None) -> list[Check]:
    """Who AWS takes us for, and, for a stack, whether its quotas hold what the stack takes."""
    if not shutil.which("aws"):
        fix = "Install it: https://aws.amazon.com/cli/"
        return [Check(name="AWS account", verdict="missing", found="not asked: no aws command", fix=fix)]
    graph = planned(target).graph if target else None
    options = _options(capacity.region(graph), capacity.profile(graph)) if graph else []
    identity, problem = _ask(["sts", "get-caller-identity", *options])
    if not identity:
        fix = "Sign in with `aws sso login` or `aws configure`, or set AWS_PROFILE."
        return [Check(name="AWS account", verdict="missing", found=problem, fix=fix)]
    account = Check(name="AWS account", verdict="ok", found=f"{identity.get('Account')} as {identity.get('Arn')}")
    if graph is None:
        return [account]
    with ThreadPoolExecutor(4) as pool:
        return [account, *pool.map(lambda need: _quota(need, options), capacity.needs(graph))]


def _quota(need: capacity.Need, options: list[str]) -> Check:
    quota = need.quota
    names = ["--service-code", quota.service, "--quota-code", quota.code]
    answer, problem = _ask(["service-quotas", "get-service-quota", *names, *options])
    if not answer:
        return Check(name="Quota", verdict="optional", found=f"{quota.name}: not known ({problem})")
    allowed = int(answer["Quota"]["Value"])
    found = f"{quota.name}: this stack takes up to {need.amount:,}, the account may have {allowed:,} in all"
    if need.amount <= allowed:
        return Check(name="Quota", verdict="ok", found=found)
    fix = f"aws service-quotas request-service-quota-increase {' '.join(names)} --desired-value {need.amount}"
    return Check(name="Quota", verdict="missing", found=found, fix=fix)


def _options(region: str | None, profile: str | None) -> list[str]:
    return [*(["--region", region] if region else []), *(["--profile", profile] if profile else [])]


def _ask(arguments: list[str]) -> tuple[dict[str, Any] | None, str]:
    """The answer of the AWS CLI; None, with its last line, if it has none."""
    command = ["aws", *arguments, "--output", "json"]
    environment = {**os.environ, "AWS_PAGER": ""}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return None, str(error)
    lines = done.stderr.strip().splitlines() or ["no answer"]
    return answer, lines[-1]
