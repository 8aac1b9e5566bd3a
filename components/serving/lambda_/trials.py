"""How a new image of a function takes over: an alias shares its requests between two versions by weights.

Nothing here moves weights by itself; the step in force stands in the settings. Source: Lambda developer guide,
"Implement Lambda canary deployments using a weighted alias".
"""

from typing import Annotated

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.release import ReleaseConfig
from components.base.workload import Shape

StableVersion = Annotated[int, Field(ge=1, le=1_000_000_000)]


def misfits(what: str, shape: Shape, stable: int | None, *, provisioned: bool) -> tuple[str, ...]:
    """Why an alias cannot share requests so, one sentence each."""
    strategy, setting = shape.release.strategy, f"serving.stable_versions.{shape.name}"
    if strategy == "rolling":
        kept = (
            f"{what} has release.strategy rolling, and {setting} is {stable}, which would keep every new image from "
            "answering; leave it out, or set strategy to canary or ab"
        )
        return (kept,) if stable else ()
    found: list[str] = []
    if shape.worker:
        found.append(
            f"{what} has release.strategy {strategy}, and a worker is called by nobody whose requests could be shared; "
            "set strategy to rolling"
        )
    elif stable is None:
        found.append(
            f"{what} has release.strategy {strategy}, for which an alias shares requests with the version that answers "
            f"now, and {setting} names none; give its number (`aws lambda get-alias --name live --function-name ...`), "
            "or set strategy to rolling"
        )
    if provisioned:
        # InvalidParameterValueException: Alias with weights can not be used with Provisioned Concurrency.
        found.append(
            f"{what} has release.strategy {strategy} and serving.provisioned is true, and Lambda keeps no copies of an "
            "alias warm that shares its requests; set provisioned to false for the trial, or strategy to rolling"
        )
    return tuple(found)


def weights(
    release: ReleaseConfig, stable: int, newest: pulumi.Output[str]
) -> "pulumi.Output[aws.lambda_.AliasRoutingConfigArgs]":
    """The newest version's share. None where it is the stable one itself: an alias names a version once."""
    share = release.stages[0].percent / 100

    def routing(version: str) -> "aws.lambda_.AliasRoutingConfigArgs":
        return aws.lambda_.AliasRoutingConfigArgs(
            additional_version_weights={} if version == str(stable) else {version: share}
        )

    return newest.apply(routing)
