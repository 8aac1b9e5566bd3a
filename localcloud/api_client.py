"""The official Kubernetes client, reduced to what is asked of a real API server: objects, told apart by key and uid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from localcloud.kubernetes_objects import ObjectKey
from localcloud.provider import RefusedError

FIELD_MANAGER = "mlops-rehearsal"

_ANSWER_SECONDS = 60
_ISSUED = "controller.cert-manager.io/fao"
"""Label of the Secrets that cert-manager keeps certificates in (its release notes of 1.11): they have no owner."""
_DISCOVERIES = 5
"""How often a server whose kinds are going is asked anew."""
_DEFINITION = ObjectKey(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition", namespace="", name="")
_PASSING = ("Event", "Endpoints", "EndpointSlice", "Lease")
"""Kinds that controllers write beside the objects that they serve, and that go with these."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """An object that a server holds."""

    key: ObjectKey
    uid: str
    labels: Mapping[str, str]
    derived: bool
    """Whether it stands for another object, and nobody made it by itself."""

    def __str__(self) -> str:
        return str(self.key)


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod as somebody would want to see it."""

    namespace: str
    name: str
    state: str
    """Its phase, or why a container of it does not run: `Running`, `ImagePullBackOff`."""
    ready: bool
    restarts: int


class ApiClient:
    """One API server. Every method raises RefusedError with the server's own words, or because it does not answer."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        """Connect and read which kinds the server knows.

        Args:
            context: of the kubeconfig; None takes its current one.

        Raises:
            RefusedError: there is no such file or context, or the server does not answer.
        """
        # A development dependency: only who works with a real API server needs it.
        from kubernetes import config, dynamic

        connect: Any = config.new_client_from_config
        contexts: Any = config.list_kube_config_contexts
        client: Any = dynamic.DynamicClient
        if not kubeconfig.exists():
            raise RefusedError(f"There is no kubeconfig at {kubeconfig}.")
        self.kubeconfig = kubeconfig
        # Gone with this object; left to itself, the client keeps what it discovers in the machine's own folder.
        self._discovery = Lock()
        self._cache = TemporaryDirectory(prefix="mlops-api-server-")
        try:
            known, current = contexts(config_file=str(kubeconfig))
            names = [str(one["name"]) for one in known]
            self.context: str = context or str(current["name"])
            if self.context not in names:
                raise RefusedError(f'{kubeconfig} has no context "{context}"; it has: {", ".join(names)}.')
            api = connect(config_file=str(kubeconfig), context=self.context)
            self.server = str(api.configuration.host)
            self._client: Any = client(api, cache_file=f"{self._cache.name}/discovery.json")
        except RefusedError:
            raise
        except Exception as error:  # the client raises whatever its transport raises
            raise RefusedError(f"The API server of {kubeconfig} does not answer: {error}") from None

    def serves(self, key: ObjectKey) -> bool:
        """Whether the server knows the kind."""
        return self._resource(key) is not None

    def get(self, key: ObjectKey) -> Live | None:
        """The object of that key, if it is there."""
        found = self.raw(key)
        return _live(found, key) if found else None

    def create(self, manifest: Mapping[str, Any], key: ObjectKey) -> Live:
        """Make an object. One that is there already is refused, whoever made it: nothing is taken over."""
        body = {**manifest}
        made = self._call(
            self._client.create, self._known(key), body=body, namespace=key.namespace, field_manager=FIELD_MANAGER
        )
        return _live(made, key)

    def apply(self, manifest: Mapping[str, Any], key: ObjectKey, uid: str) -> None:
        """Change an object by server-side apply, fields that others own included. One with another uid is refused."""
        self._own_fields(key)
        body = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
        self._call(
            self._client.server_side_apply,
            self._known(key),
            body=body,
            namespace=key.namespace,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    def delete(self, live: Live) -> None:
        """Delete this very object; where another has taken its place, or none is there, nothing happens."""
        from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

        resource = self._resource(live.key)
        if resource is None:
            return
        body = {"preconditions": {"uid": live.uid}, "propagationPolicy": "Background"}
        try:
            self._call(
                self._client.delete, resource, name=live.key.name, namespace=live.key.namespace or None, body=body
            )
        except _AnswerError as answer:
            if not isinstance(answer.cause, ConflictError | NotFoundError):
                raise

    def label(self, live: Live, labels: Mapping[str, str]) -> None:
        """Add labels to this very object."""
        body = {"metadata": {"uid": live.uid, "labels": {**labels}}}
        self._call(
            self._client.patch,
            self._known(live.key),
            body=body,
            name=live.key.name,
            namespace=live.key.namespace or None,
            content_type="application/merge-patch+json",
        )

    def custom_kinds(self) -> frozenset[str]:
        """Kinds that were brought to the server: `Certificate.cert-manager.io`."""
        definitions = self._resource(_DEFINITION)
        items = self._call(self._client.get, definitions)["items"] if definitions else ()
        return frozenset(f"{one['spec']['names']['kind']}.{one['spec']['group']}" for one in items)

    def labelled(self, key: str, value: str) -> list[Live]:
        """Everything with that label, cluster-wide, but what is owned by something else."""
        return [live for live in self._listed(label_selector=f"{key}={value}") if not live.derived]

    def inside(self, namespace: str) -> list[Live]:
        """What somebody put into a namespace: not what comes with every namespace, nor what others own."""
        given = (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"))
        found = self._listed(namespace=namespace)
        return [live for live in found if not live.derived and (live.key.kind, live.key.name) not in given]

    def pods(self, namespaces: Sequence[str]) -> list[Pod]:
        """The pods of some namespaces, in order of their names."""
        kind = self._resource(ObjectKey(api_version="v1", kind="Pod", namespace="", name=""))
        found = [
            _pod(item)
            for namespace in namespaces
            for item in (self._call(self._client.get, kind, namespace=namespace)["items"] if kind else ())
        ]
        return sorted(found, key=lambda pod: (pod.namespace, pod.name))

    def pods_of(self, deployment: Mapping[str, Any]) -> list[str]:
        """Names of the running pods that a Deployment means, the newest last."""
        kind = self._resource(ObjectKey(api_version="v1", kind="Pod", namespace="", name=""))
        if not deployment or not kind:
            return []
        labels = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())
        place = {"namespace": deployment["metadata"]["namespace"], "label_selector": labels}
        running = [
            pod["metadata"]
            for pod in self._call(self._client.get, kind, **place)["items"]
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]
        return [str(one["name"]) for one in sorted(running, key=lambda one: str(one["creationTimestamp"]))]

    def _listed(self, **how: Any) -> Iterator[Live]:
        """Lists every kind that can be listed; kinds that one may not list are passed over."""
        from kubernetes.dynamic.resource import Resource, ResourceList

        seen: set[str] = set()
        for resource in self._resources():
            for kind in resource if isinstance(resource, list) else [resource]:
                # Beside each kind the client has one for lists of it, `EventList`.
                if not isinstance(kind, Resource) or isinstance(kind, ResourceList):
                    continue
                if not {"list", "delete"} <= set(kind.verbs or ()):
                    continue
                if kind.kind in _PASSING or ("namespace" in how and not kind.namespaced):
                    continue
                try:
                    items = self._call(self._client.get, kind, **how)["items"]
                except _AnswerError:
                    continue
                for item in items:
                    live = _live({**item, "apiVersion": kind.group_version, "kind": kind.kind})
                    if live.uid not in seen:
                        seen.add(live.uid)
                        yield live

    def _resources(self) -> list[Any]:
        """All that the server has. A group that goes meanwhile, with the definitions of its kinds, is not there."""
        from kubernetes.dynamic.exceptions import NotFoundError

        with self._discovery:
            for _ in range(_DISCOVERIES):
                try:
                    return list(self._client.resources)
                except NotFoundError:
                    self._client.resources.invalidate_cache()
        raise RefusedError(f"The API server {self.server} has other kinds each time that it is asked.")

    def _resource(self, key: ObjectKey) -> Any:
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        # Without the prefix a core kind is ambiguous as soon as an operator brings one of its name, as Knative does.
        prefix = "apis" if key.group else "api"
        try:
            # The client looks again for a kind that it does not know, and forgets all others while it does.
            with self._discovery:
                return self._client.resources.get(prefix=prefix, api_version=key.api_version, kind=key.kind)
        except ResourceNotFoundError:
            return None

    def _known(self, key: ObjectKey) -> Any:
        resource = self._resource(key)
        if resource is None:
            raise RefusedError(f'no matches for kind "{key.kind}" of {key.api_version} on the API server.')
        return resource

    def raw(self, key: ObjectKey) -> dict[str, Any] | None:
        """The object of that key with all that the server says of it, if it is there."""
        from kubernetes.dynamic.exceptions import NotFoundError

        resource = self._resource(key)
        if resource is None:
            return None
        try:
            return self._call(self._client.get, resource, name=key.name, namespace=key.namespace or None)
        except _AnswerError as answer:
            if isinstance(answer.cause, NotFoundError):
                return None
            raise

    def _own_fields(self, key: ObjectKey) -> None:
        """Let the fields with which an object was made count as applied, so that an apply without them removes them.
        What client-go calls csaupgrade: the server keeps making and applying apart."""
        found = self.raw(key) or {}
        fields = found.get("metadata", {}).get("managedFields") or []
        ours = [one for one in fields if one.get("manager") == FIELD_MANAGER and one.get("operation") == "Update"]
        if not ours:
            return
        changed = [{**one, "operation": "Apply"} if one in ours else one for one in fields]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": changed},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]},
        ]
        self._call(
            self._client.patch,
            self._known(key),
            body=patch,
            name=key.name,
            namespace=key.namespace or None,
            content_type="application/json-patch+json",
        )

    def _call(self, method: Any, resource: Any, **arguments: Any) -> dict[str, Any]:
        from kubernetes.dynamic.exceptions import DynamicApiError
        from urllib3.exceptions import HTTPError

        try:
            answer = method(resource, _request_timeout=_ANSWER_SECONDS, **arguments)
        except DynamicApiError as error:
            raise _AnswerError(error) from None
        except (HTTPError, OSError) as error:
            raise RefusedError(f"The API server {self.server} does not answer: {error}") from None
        body: dict[str, Any] = answer.to_dict()
        return body


class _AnswerError(RefusedError):
    """The server said no."""

    def __init__(self, cause: Any) -> None:
        summary = cause.summary() if callable(getattr(cause, "summary", None)) else str(cause)
        super().__init__(str(summary))
        self.cause = cause


def _live(found: Mapping[str, Any], key: ObjectKey | None = None) -> Live:
    metadata = found.get("metadata") or {}
    return Live(
        key=key
        or ObjectKey(
            api_version=str(found["apiVersion"]),
            kind=str(found["kind"]),
            namespace=str(metadata.get("namespace") or ""),
            name=str(metadata["name"]),
        ),
        uid=str(metadata.get("uid", "")),
        labels=metadata.get("labels") or {},
        derived=bool(metadata.get("ownerReferences")) or _ISSUED in (metadata.get("labels") or {}),
    )


def _pod(found: Mapping[str, Any]) -> Pod:
    status = found.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting = [
        one["state"]["waiting"].get("reason", "") for one in containers if (one.get("state") or {}).get("waiting")
    ]
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    return Pod(
        namespace=str(found["metadata"]["namespace"]),
        name=str(found["metadata"]["name"]),
        state=next((reason for reason in waiting if reason != "PodInitializing"), "") or str(status.get("phase", "")),
        ready=conditions.get("Ready") == "True" or status.get("phase") == "Succeeded",
        restarts=sum(int(one.get("restartCount") or 0) for one in containers),
    )
