"""A real API server for a rehearsal, whose pods cannot work."""

from collections.abc import Mapping
from typing import Any

from localcloud.api_server import SKIP_AWAIT, RealApiServer

_REPLACE_UNREADY = "pulumi.com/replaceUnready"
_AWAITING_PODS = ("DaemonSet", "Deployment", "Ingress", "Job", "Service", "StatefulSet")


class Rehearsed(RealApiServer):
    """A server on which pods are not waited for: they want Secrets that a Helm release would bring, and images from a
    registry on AWS."""

    def led(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        made = super().led(manifest)
        if self.plugin is None or made.get("kind") not in _AWAITING_PODS:
            return made
        annotations = {**(made["metadata"].get("annotations") or {}), SKIP_AWAIT: "true"}
        # A Job that is not waited for is not complete when the next up looks at it.
        annotations.pop(_REPLACE_UNREADY, None)
        return {**made, "metadata": {**made["metadata"], "annotations": annotations}}
