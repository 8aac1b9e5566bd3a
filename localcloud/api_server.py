"""A real API server for the Kubernetes half: server-side apply through the official client.

Helm releases cannot be applied without Helm: they stay in the pretend cloud, and so do custom resources whose kind
only such a release would bring. What was left out is listed, so that nobody takes silence for success.
"""

from pathlib import Path
from typing import Any

from localcloud.kubernetes_objects import is_release
from localcloud.provider import RefusedError
from localcloud.world import Thing
from mlops.plan.values import Properties, unwrapped

FIELD_MANAGER = "mlops-rehearsal"


class RealApiServer:
    """Applies and deletes objects in the cluster of a kubeconfig. Implements `kubernetes_provider.ApiServer`."""

    def __init__(self, kubeconfig: Path, cache_folder: Path) -> None:
        """Connect and read which kinds the server knows.

        Raises:
            RefusedError: there is no such file, or the server does not answer.
        """
        # A development dependency: only who rehearses against a real API server needs it.
        from kubernetes import config, dynamic

        connect: Any = config.new_client_from_config
        client: Any = dynamic.DynamicClient

        if not kubeconfig.exists():
            raise RefusedError(f"There is no kubeconfig at {kubeconfig}.")
        cache_folder.mkdir(parents=True, exist_ok=True)
        try:
            api = connect(config_file=str(kubeconfig))
            self._client: Any = client(api, cache_file=str(cache_folder / "discovery.json"))
        except Exception as error:  # the client raises whatever its transport raises
            raise RefusedError(f"The API server of {kubeconfig} does not answer: {error}") from None
        self.left_out: list[str] = []
        """What was not sent to the server, a name each."""

    def apply(self, thing: Thing, inputs: Properties, brought: frozenset[str]) -> None:
        """Apply an object as field manager `mlops-rehearsal`, taking over fields that others own.

        Args:
            inputs: in clear.
            brought: kinds that Helm releases of this rehearsal would have brought.

        Raises:
            RefusedError: with the server's own words.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

        if is_release(thing.type):
            self.left_out.append(str(thing))
            return
        manifest = _manifest(thing, inputs)
        kind = f"{manifest['kind']}.{manifest['apiVersion'].rpartition('/')[0]}"
        try:
            resource = self._client.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
            self._client.server_side_apply(
                resource,
                body=manifest,
                namespace=manifest["metadata"].get("namespace"),
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            )
        except ResourceNotFoundError:
            if kind not in brought:
                raise RefusedError(f'no matches for kind "{kind}" on the API server, which {thing} needs.') from None
            self.left_out.append(str(thing))
        except DynamicApiError as error:
            raise RefusedError(_reason(error)) from None

    def delete(self, thing: Thing) -> None:
        """Delete an object; one that is not there is fine.

        Raises:
            RefusedError: with the server's own words.
        """
        from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError, ResourceNotFoundError

        if is_release(thing.type):
            return
        metadata = thing.outputs["metadata"]
        try:
            resource = self._client.resources.get(api_version=thing.outputs["apiVersion"], kind=thing.outputs["kind"])
            self._client.delete(
                resource,
                name=metadata["name"],
                namespace=metadata.get("namespace"),
                propagation_policy="Background",
            )
        except (NotFoundError, ResourceNotFoundError):
            return
        except DynamicApiError as error:
            raise RefusedError(_reason(error)) from None


def _manifest(thing: Thing, inputs: Properties) -> dict[str, Any]:
    """The object as the program described it, with the name and namespace that it got."""
    given: dict[str, Any] = unwrapped(inputs)
    named = {key: thing.outputs["metadata"][key] for key in ("name", "namespace") if key in thing.outputs["metadata"]}
    metadata = {**(given.get("metadata") or {}), **named}
    head = {key: thing.outputs[key] for key in ("apiVersion", "kind")}
    return {**head, **given, "metadata": metadata}


def _reason(error: Any) -> str:
    """The `message` of the status that the server answered with."""
    summary = error.summary() if callable(getattr(error, "summary", None)) else str(error)
    return str(summary)
