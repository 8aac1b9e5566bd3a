"""The objects of `dev` and `prod` that need nothing of Helm's, unchanged, on a real Kubernetes of one node."""

import time

import pytest
from node import product

from tests.node.conftest import HOME, inside, listed, product_of

pytestmark = [pytest.mark.long, pytest.mark.engine]

SCALED_SECONDS = 300


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_workload_of_a_tier_becomes_ready_by_its_own_probes(node: None, stack: str) -> None:
    with product_of(stack) as nodes:
        made = product.manifests(nodes)
        names = {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in made if "spec" in one}
        jobs = {("Job", job["metadata"]["namespace"], job["metadata"]["name"]) for job in listed("jobs", "-A")}
        assert jobs == {name for name in names if name[0] == "Job"}
        assert all(job["status"].get("succeeded") == 1 for job in listed("jobs", "-A"))
        if ("Deployment", "recommender", "pipelines") in names:
            product.ready(HOME, "recommender", "pipelines")
            for words in (("generate",), ("run-loop",)):
                inside("recommender", "deploy/pipelines", "python", "-m", "pipelines", *words)
            product.ready(HOME, "recommender", "recommender")
        for scaler in (one for one in made if one["kind"] == "HorizontalPodAutoscaler"):
            _reaches(
                scaler["metadata"]["namespace"], scaler["spec"]["scaleTargetRef"]["name"], scaler["spec"]["minReplicas"]
            )
        for server in listed("deployments", "-A"):
            assert server["status"]["readyReplicas"] == server["spec"]["replicas"], server["metadata"]["name"]


def _reaches(namespace: str, name: str, replicas: int) -> None:
    """Wait until an autoscaler has brought a Deployment to its least number of replicas, and these are ready."""
    until = time.monotonic() + SCALED_SECONDS
    ready = 0
    while ready < replicas and time.monotonic() < until:
        (found,) = (one for one in listed("deployments", "-n", namespace) if one["metadata"]["name"] == name)
        ready = found["status"].get("readyReplicas", 0)
        time.sleep(1)
    assert ready >= replicas
