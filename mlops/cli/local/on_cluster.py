"""What `mlops up -s local --cluster` does beyond the objects: waits for their pods, runs the loop in one, shows an
answer. The services are the cluster's pods then, and no process of this machine is started."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import emulated_aws
from localcloud.api_server import LABEL, SKIP_AWAIT, mark
from localcloud.kubernetes_objects import ObjectKey
from localcloud.mirror import Mirror, MirrorError
from localcloud.pod_access import PodAccess
from localcloud.provider import RefusedError
from localcloud.world import Thing
from mlops import settings, stacks
from mlops.cli import ui
from mlops.cli.errors import FailedError
from mlops.cli.local import cluster as clusters
from mlops.cli.local import infrastructure
from mlops.cli.options import Target
from mlops.cli.planning import planned
from mlops.cli.views.local import as_lines, pods_table
from mlops.local.health import fetch

if TYPE_CHECKING:
    from localcloud.api_client import ApiClient, Pod

WORKER, RECOMMENDER = "pipelines", "recommender"
"""Deployments by their names."""
_RECOMMENDER_PORT = 8000
_QUESTION = "/recommendations/u0000001?k=5"
_READY_SECONDS, _MODEL_SECONDS = 900, 180
"""For all pods once their images are there, which come in the first time; for a model, once the loop has ended."""
_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
_NO_IMAGE_SECONDS = 60
_LOOK_SECONDS = 1.0


def is_there(target: Target) -> bool:
    """Whether the stack is on a cluster already."""
    return clusters.Cluster.noted(infrastructure.folder(target)) is not None


def bring_everything_up(target: Target, *, as_json: bool, cluster: str | None) -> None:
    """Objects, an emulated AWS, the loop once, an answer.

    Raises:
        BadInputError: the cluster cannot be used.
        FailedError: something failed; what was made is kept.
    """
    started = time.monotonic()
    plan = planned(target)
    up = infrastructure.bring_up(target, plan, as_json=as_json, cluster=cluster, working=True)
    on = OnCluster.of(target)
    assert on
    try:
        region = settings.resolve(stacks.read(target.stack, target.root)).platform.region
        on.emulate(up.things, region)
        on.wait_for(_waited_for(up.things), _READY_SECONDS)
        trained = on.train()
        answer = on.ask()
    except (RefusedError, MirrorError) as error:
        raise FailedError(f"On cluster {on.context}: {error}") from None
    seconds = time.monotonic() - started
    pods = on.pods()
    if as_json:
        data = {"seconds": round(seconds, 1), "trained": trained, "answer": answer, "pods": [vars(pod) for pod in pods]}
        ui.print_json({**up.data, "services": data})
        return
    console = ui.out()
    console.print(pods_table(pods))
    console.print("[bold]Ask[/]")
    forward = f"kubectl --context {on.context} -n {on.deployment(RECOMMENDER).namespace} port-forward"
    console.print(f"  $ {forward} deploy/{RECOMMENDER} {_RECOMMENDER_PORT}", markup=False, soft_wrap=True)
    console.print(f"  $ curl -s 'http://127.0.0.1:{_RECOMMENDER_PORT}{_QUESTION}'", markup=False, soft_wrap=True)
    console.print(as_lines(answer), markup=False, soft_wrap=True)
    made = "trained, gated, registered and deployed just now, in a pod" if trained else "as it was"
    console.print(f"[green]✓[/] Version {answer['model']['version']} answers: {made} ({seconds:.0f} s in all).")
    console.print(f"  mlops local status. Down again: mlops destroy -s {target.stack}")


class OnCluster:
    """A stack whose services are pods."""

    def __init__(self, place: clusters.Cluster, target: Target) -> None:
        self._place = place
        self._target = target
        self._project = stacks.project_name(target.root)
        self._client: ApiClient = clusters.client_of(place)
        self._deployments: list[ObjectKey] = []
        self.context = place.context
        self._access = PodAccess(Path(place.kubeconfig), place.context)

    @classmethod
    def of(cls, target: Target) -> "OnCluster | None":
        """The stack, if it is on a cluster."""
        place = clusters.Cluster.noted(infrastructure.folder(target))
        return cls(place, target) if place else None

    def emulate(self, things: Iterable[Thing], region: str) -> None:
        """Make the deployed buckets, streams and the like in the emulated AWS, once its pod is ready."""
        self.wait_for([_AWS], _READY_SECONDS)
        with self._access.port(emulated_aws.NAMESPACE, self._pod(_AWS), emulated_aws.AWS_PORT) as port:
            Mirror(f"http://127.0.0.1:{port}", region, self._note("mirrored")).reconcile(things)

    def wait_for(self, keys: Sequence[ObjectKey], seconds: float) -> None:
        """Until Jobs are complete and Deployments available.

        Raises:
            FailedError: they are not in time, a Job has failed, or an image cannot be had.
        """
        until, without_image = time.monotonic() + seconds, time.monotonic() + _NO_IMAGE_SECONDS
        waiting, told = list(keys), ""
        while waiting := [key for key in waiting if not _done(key, self._client.raw(key) or {})]:
            pods = self._client.pods(sorted({key.namespace for key in waiting}))
            lacking = [pod for pod in pods if pod.state in _NO_IMAGE]
            if not lacking:
                without_image = time.monotonic() + _NO_IMAGE_SECONDS
            if time.monotonic() > min(until, without_image):
                raise FailedError(_not_ready(self._place.context, waiting, pods, lacking))
            if told != (told := ", ".join(str(key) for key in waiting)):
                ui.note(f"waiting for {told}")
            time.sleep(_LOOK_SECONDS)

    def train(self) -> bool:
        """Run the loop in the worker's pod, unless a model is served already; whether it ran."""
        if self._serves():
            return False
        self.demand_one_build()
        sample = self._note("sample")
        if not sample.exists():
            self.run(["generate"], _say)
            sample.touch()
        self.run(["run-loop"], _say)
        until = time.monotonic() + _MODEL_SECONDS
        while not self._serves():
            if time.monotonic() > until:
                raise FailedError("The loop has ended, but the recommender is not ready: `mlops local status`.")
            time.sleep(_LOOK_SECONDS)
        return True

    def demand_one_build(self) -> None:
        """
        Raises:
            FailedError: the recommender and the worker run images of two builds.
        """
        builds = {name: self._build(name) for name in (RECOMMENDER, WORKER)}
        if len({*builds.values()}) > 1:
            raise FailedError(
                f"On cluster {self.context} the images are of two builds: "
                f"{', '.join(f'{name} {build}' for name, build in builds.items())}. What one of them writes the other "
                "may not read. `make images` makes both of one tree; hand both to the cluster, and restart what runs: "
                f"kubectl --context {self.context} -n {self.deployment(WORKER).namespace} rollout restart "
                f"deployment/{RECOMMENDER} deployment/{WORKER}"
            )

    def _build(self, name: str) -> str:
        """What the image of a Deployment says of its code; one that says nothing is of before images did."""
        deployment, said = self.deployment(name), list[str]()
        command = ["python", "-m", "recommender.build"]
        code = self._access.run(deployment.namespace, self._pod(deployment), command, said.append)
        return "older" if code else said[-1]

    def ask(self) -> dict[str, Any]:
        """What the recommender answers."""
        recommender = self.deployment(RECOMMENDER)
        with self._access.port(recommender.namespace, self._pod(recommender), _RECOMMENDER_PORT) as port:
            _, body = fetch(f"http://127.0.0.1:{port}{_QUESTION}", 30)
        answer: dict[str, Any] = json.loads(body)
        return answer

    def deployment(self, name: str) -> ObjectKey:
        """A Deployment of the stack.

        Raises:
            FailedError: it has none of that name.
        """
        if not self._deployments:
            made = self._client.labelled(LABEL, mark("local", self._project, self._target.stack))
            self._deployments = [live.key for live in made if live.key.kind == "Deployment"]
        for key in self._deployments:
            if key.name == name:
                return key
        raise FailedError(
            f"The stack runs no {name}, so that there is no loop to run: it has no workloads.recommender. "
            f"`mlops up -s {self._target.stack} --infrastructure-only --cluster …` makes its objects alone."
        )

    def pods(self) -> "list[Pod]":
        return clusters.pods(self._place, self._project, self._target.stack)

    def run(self, words: Sequence[str], say: Callable[[str], object]) -> None:
        """Run a command of the loop in the worker's pod.

        Raises:
            FailedError: it ended with another exit code than 0.
        """
        worker = self.deployment(WORKER)
        pod = self._pod(worker)
        code = self._access.run(worker.namespace, pod, ["python", "-m", "pipelines", *words], say)
        if code:
            raise FailedError(
                f"`pipelines {' '.join(words)}` in pod {worker.namespace}/{pod} ended with exit code {code}; above is "
                "why. Everything else is up and what was finished is kept: the same command goes on from there."
            )

    def _note(self, what: str) -> Path:
        """A file that says what the emulated AWS has. A new pod has forgotten all of it, so notes are of one pod."""
        return infrastructure.folder(self._target) / f"{what}-{self._pod(_AWS)}.json"

    def _serves(self) -> bool:
        key = self.deployment(RECOMMENDER)
        return _done(key, self._client.raw(key) or {})

    def _pod(self, deployment: ObjectKey) -> str:
        """A running pod of a Deployment, the newest."""
        found = self._client.pods_of(self._client.raw(deployment) or {})
        if not found:
            raise FailedError(f"{deployment} has no running pod.")
        return found[-1]


def _say(line: str) -> None:
    ui.err().print(f"  {line}", markup=False, soft_wrap=True)


def _waited_for(things: Iterable[Thing]) -> list[ObjectKey]:
    """Jobs and Deployments, but those that become ready only with a model."""
    return [
        ObjectKey(api_version=thing.outputs["apiVersion"], kind=kind, namespace=meta["namespace"], name=meta["name"])
        for thing in things
        if (kind := thing.type.rpartition(":")[2]) in ("Job", "Deployment") and thing.type.startswith("kubernetes:")
        for meta in [thing.outputs["metadata"]]
        if SKIP_AWAIT not in (meta.get("annotations") or {})
    ]


def _deployment(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(api_version="apps/v1", kind="Deployment", namespace=namespace, name=name)


_AWS = _deployment(emulated_aws.NAMESPACE, emulated_aws.NAME)


def _done(key: ObjectKey, found: Any) -> bool:
    status, spec = found.get("status") or {}, found.get("spec") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    if key.kind == "Job":
        if (failed := conditions.get("Failed")) and failed["status"] == "True":
            raise FailedError(f"{key} has failed: {failed.get('message') or failed.get('reason')}.")
        return conditions.get("Complete", {}).get("status") == "True"
    wanted, generation = spec.get("replicas", 1), found.get("metadata", {}).get("generation")
    numbers = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas")]
    return bool(found) and status.get("observedGeneration") == generation and numbers == [wanted, wanted]


def _not_ready(context: str, keys: "Sequence[ObjectKey]", pods: "Sequence[Pod]", lacking: "Sequence[Pod]") -> str:
    lines = [f"On cluster {context} these are not ready: {', '.join(str(key) for key in keys)}."]
    lines += [f"  {pod.namespace}/{pod.name}: {pod.state}" for pod in pods if not pod.ready]
    if lacking:
        lines.append('The cluster cannot get their images. The services\' own: `make images ARGS="--load kind"`.')
    return "\n".join(lines)
