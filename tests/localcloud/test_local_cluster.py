"""Objects on their way to a cluster without AWS: what their pods and Secrets become there."""

from typing import Any

import pytest

from localcloud import emulated_aws
from localcloud.emulated_aws import EmulatedAws
from localcloud.local_cluster import master_secret, secret_of, with_emulated_aws
from tests.platforms import tier_graph

EMULATED = EmulatedAws(address="10.96.0.9", seed="seed", databases=["db.rds.amazonaws.com"])


@pytest.fixture(scope="module", params=["local", "dev", "prod"])
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    graph = tier_graph(request.param)
    return [{**node.outputs} for node in graph if node.package == "kubernetes"]


def test_every_secret_that_pods_name_is_made_with_the_keys_that_they_read(manifests: list[dict[str, Any]]) -> None:
    made = [secret_of(one, EMULATED) for one in manifests if one.get("kind") == "ExternalSecret"]
    there = {(one["metadata"]["namespace"], one["metadata"]["name"]): one["stringData"] for one in made}
    read = [
        ((one["metadata"]["namespace"], reference["name"]), reference["key"])
        for one in manifests
        for reference in _secret_keys(one)
    ]
    assert read
    for place, key in read:
        assert there[place][key]
    assert not any("{{" in value for values in there.values() for value in values.values())


def test_who_reads_the_same_secret_of_aws_gets_the_same_value_and_another_seed_gives_another() -> None:
    def made(name: str, seed: str) -> str:
        entry = {"secretKey": "password", "remoteRef": {"key": "arn:login", "property": "password"}}
        external = {"metadata": {"namespace": name}, "spec": {"target": {"name": name}, "data": [entry]}}
        emulated = EmulatedAws(address="", seed=seed)
        return str(secret_of(external, emulated)["stringData"]["password"])

    assert made("a", "seed") == made("b", "seed") != made("a", "other")


def test_the_databases_master_has_the_password_that_the_stack_reads(manifests: list[dict[str, Any]]) -> None:
    master = master_secret(iter(manifests))
    assert master
    _, secret, *_ = emulated_aws.manifests(master, "seed")
    (login,) = (
        secret_of(one, EMULATED)["stringData"]
        for one in manifests
        if one.get("kind") == "ExternalSecret" and one["metadata"]["name"] == "master"
    )
    assert login == {"username": emulated_aws.MASTER, "password": secret["stringData"]["master"]}


def test_every_container_finds_the_emulated_aws_and_keeps_what_it_had(manifests: list[dict[str, Any]]) -> None:
    workloads = [one for one in manifests if "template" in (one.get("spec") or {}) and one["kind"] != "ExternalSecret"]
    assert {one["kind"] for one in workloads} >= {"Deployment", "Job"}
    for one in workloads:
        before, after = (each["spec"]["template"]["spec"] for each in (one, with_emulated_aws(one, EMULATED)))
        assert {"ip": "10.96.0.9", "hostnames": ["db.rds.amazonaws.com"]} in after["hostAliases"]
        for old, new in zip(before["containers"], after["containers"], strict=True):
            environment = {item["name"]: item.get("value") for item in new["env"]}
            assert environment["AWS_ENDPOINT_URL"].startswith("http://mlops-emulated-aws.")
            assert new["env"][: len(old.get("env") or ())] == list(old.get("env") or ())
            assert {**new, "env": None} == {**old, "env": None}


def test_what_makes_no_pods_goes_as_it_is() -> None:
    policy = {"kind": "NetworkPolicy", "spec": {"podSelector": {}}}
    assert with_emulated_aws(policy, EMULATED) == policy


def _secret_keys(manifest: dict[str, Any]) -> list[dict[str, str]]:
    pod = ((manifest.get("spec") or {}).get("template") or {}).get("spec") or {}
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    values = [item.get("valueFrom") or {} for container in containers for item in container.get("env") or ()]
    return [value["secretKeyRef"] for value in values if "secretKeyRef" in value]
