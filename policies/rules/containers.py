"""ECS: tasks without privileges and secrets in clear, services without public addresses."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.answers import all_of, any_of, is_one, is_set, is_true, is_unknown, negated, rows
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.registry import resource_rule
from policies.rules.secrets import is_secret_variable

DEFINITIONS = "containerDefinitions"


def containers(node: Node) -> list[Mapping[str, Any]] | None:
    """The containers of a task definition; None where they are not known."""
    found = look(node.inputs, DEFINITIONS)
    if is_unknown(found) or found == SECRET:
        return None
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except json.JSONDecodeError:
            return []
    if not isinstance(found, list) or UNKNOWN in found:
        return [] if not isinstance(found, list) else None
    return [row for row in found if isinstance(row, Mapping)]


def _each(node: Node, right: Callable[[Mapping[str, Any]], Answer], message: str) -> Iterator[Judgement]:
    """One judgement a task: of the container that is wrong, or of all of them. It repeats no environment."""
    found = containers(node)
    if found is None:
        yield say(node, DEFINITIONS, None, message)
        return
    answers = [(str(row.get("name", index)), right(row)) for index, row in enumerate(found)]
    wrong = ", ".join(name for name, answer in answers if answer is False)
    judgement = say(node, DEFINITIONS, all_of(answer for _, answer in answers), f"{wrong}: {message}")
    yield Judgement(
        verdict=judgement.verdict, path=DEFINITIONS, value=wrong or None, message=judgement.message, urn=node.urn
    )


@resource_rule("ecs-no-privileged")
def no_privileges(node: Node) -> Iterator[Judgement]:
    yield from _each(node, lambda row: negated(is_true(row.get("privileged"))), "has the rights of the host's root")


@resource_rule("ecs-read-only-root")
def file_system_is_read_only(node: Node) -> Iterator[Judgement]:
    message = "may write to its own file system"
    yield from _each(node, lambda row: is_true(row.get("readonlyRootFilesystem")), message)


@resource_rule("ecs-no-env-secrets")
def environment_without_secrets(node: Node) -> Iterator[Judgement]:
    def clean(row: Mapping[str, Any]) -> Answer:
        variables = row.get("environment") or []
        if is_unknown(variables):
            return None
        return all_of(_harmless(variable) for variable in variables)

    yield from _each(node, clean, "has a secret in its environment, where whoever may describe the task reads it")


def _harmless(variable: Any) -> Answer:
    """A variable whose name says secret is no longer harmless when its value turns out to be one."""
    if is_unknown(variable):
        return None
    name, value = str(variable.get("name", "")), variable.get("value")
    if is_unknown(value):
        return None if is_secret_variable(name, "unknown") else True
    return not is_secret_variable(name, value)


@resource_rule("ecs-logging")
def output_is_logged(node: Node) -> Iterator[Judgement]:
    def logged(row: Mapping[str, Any]) -> Answer:
        return is_set(look(row, "logConfiguration.logDriver"))

    yield from _each(node, logged, "writes its log nowhere")


@resource_rule("ecs-non-root-user")
def does_not_run_as_root(node: Node) -> Iterator[Judgement]:
    def plain(row: Mapping[str, Any]) -> Answer:
        user = row.get("user")
        return None if is_unknown(user) else bool(user) and str(user).partition(":")[0] not in ("0", "root")

    yield from _each(node, plain, "runs as root, or as whatever user its image names")


@resource_rule("ecs-no-host-namespaces")
def host_is_out_of_sight(node: Node) -> Iterator[Judgement]:
    for path in ("pidMode", "ipcMode"):
        yield say(node, path, negated(is_one(look(node.inputs, path), "host")), f"{path} is the host's")
    mode = look(node.inputs, "networkMode")
    yield say(node, "networkMode", is_one(mode, "awsvpc"), "the task has no network interface of its own")


@resource_rule("ecs-no-public-ip")
def service_has_no_public_address(node: Node) -> Iterator[Judgement]:
    path = "networkConfiguration.assignPublicIp"
    yield say(node, path, negated(is_true(look(node.inputs, path))), "tasks get public addresses")


@resource_rule("ecs-fargate-latest-platform")
def platform_is_the_latest(node: Node) -> Iterator[Judgement]:
    version = look(node.inputs, "platformVersion")
    if is_one(look(node.inputs, "launchType"), "EC2", "EXTERNAL") is not True:
        answer = is_one(version, ABSENT, "LATEST")
        yield say(node, "platformVersion", answer, "security fixes of the Fargate platform do not reach the tasks")


@resource_rule("ecs-container-insights")
def cluster_is_measured(node: Node) -> Iterator[Judgement]:
    answers = [
        None
        if row == UNKNOWN
        else all_of(
            [
                is_one(look(row, "name"), "containerInsights"),
                is_one(look(row, "value"), "enabled", "enhanced"),
            ]
        )
        for _, row in rows(node, "settings")
    ]
    yield say(node, "settings", any_of(answers), "nobody measures the tasks (Container Insights is off)")
