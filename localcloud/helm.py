"""Helm, the program: a stack's releases on a real cluster, each marked as the stack's own.

Charts are pulled before anything is made, so that it is known which of them are to be had. They are kept where Helm
keeps such things itself, and one that lies there is not pulled again: where no repository is reached, they can be put
there by hand.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from localcloud.api_client import ApiClient
from localcloud.charts import chart_of
from localcloud.kubernetes_objects import ObjectKey
from localcloud.provider import RefusedError
from mlops.plan.values import Properties, unwrapped

_PULL_SECONDS = 60
_AT_ONCE = 4
_TIMEOUT_SECONDS = 300
"""Helm's own default for one of its steps, where a release says nothing."""
_GRACE_SECONDS = 60
"""For Helm to say that its time is over."""
_STATES = ("deployed", "failed", "pending", "uninstalling")
_KIND = "CustomResourceDefinition"


@dataclass(frozen=True, kw_only=True)
class ChartReference:
    """A chart at one version, as a release names it."""

    name: str
    version: str
    repository: str = ""

    @classmethod
    def of(cls, release: Properties) -> "ChartReference":
        repository = (release.get("repositoryOpts") or {}).get("repo") or ""
        return cls(name=str(release["chart"]), version=str(release.get("version") or ""), repository=str(repository))

    @property
    def archive(self) -> str:
        """Name of the file that it is packed into."""
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"

    def __str__(self) -> str:
        return f"{self.name.rpartition('/')[2]} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Helm:
    """Helm on one cluster, for one user of it."""

    program: Path
    client: ApiClient
    mark: tuple[str, str]
    """Label by which its releases, and the definitions that they bring, are known as the user's own."""
    archives: dict[ChartReference, Path] = field(default_factory=dict[ChartReference, Path])
    """Charts that were pulled."""

    def pull(self, charts: Iterable[ChartReference]) -> dict[ChartReference, str]:
        """Have charts at hand.

        Returns:
            Those that are not to be had, and what Helm says of them.
        """
        wanted = list(dict.fromkeys(charts))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = dict(zip(wanted, pool.map(self._pulled, wanted), strict=True))
        self.archives.update({chart: answer for chart, answer in answers.items() if isinstance(answer, Path)})
        return {chart: answer for chart, answer in answers.items() if isinstance(answer, str)}

    def lacks(self, release: Properties) -> bool:
        """Whether a release cannot be installed: its chart is not at hand, or a kind that its templates use is not."""
        missing = chart_of(release).needs - self.client.custom_kinds()
        return ChartReference.of(release) not in self.archives or bool(missing)

    def install(self, namespace: str, name: str, release: Properties) -> None:
        """Install a release, or give the one that is there its values and the version of its chart. What a failed
        installation leaves is taken away again.

        Raises:
            RefusedError: with Helm's own words; somebody else's of that name is not taken over.
        """
        state = next(iter(self.own(namespace, name).values()), "")
        if state == "deployed":
            self._change("upgrade", namespace, name, release)
            return
        if state:
            self._uninstall(namespace, name)
        chart = self.archives[ChartReference.of(release)]
        brought = _definitions(self._run(["show", "crds", str(chart)], on_cluster=False))
        new = [key for key in brought if self.client.get(key) is None]
        try:
            self._change("install", namespace, name, release)
            # Those among its templates are its own: Helm refuses to install over others'.
            new += _definitions(self._run(["get", "manifest", name, "--namespace", namespace]))
        except RefusedError:
            self.uninstall(namespace, name)
            raise
        finally:
            self._adopt(new)

    def uninstall(self, namespace: str, name: str) -> None:
        """Take a release of one's own away and wait until it has gone; one that is not there is fine. Definitions
        stay, as Helm leaves them: they carry the mark.

        Raises:
            RefusedError: with Helm's own words.
        """
        if self.own(namespace, name):
            self._uninstall(namespace, name)

    def clean_up(self) -> list[str]:
        """Take all releases of one's own away.

        Returns:
            What is left, with the reason, a line each.
        """
        left = []
        for namespace, name in self.own():
            try:
                self._uninstall(namespace, name)
            except RefusedError as refusal:
                left.append(f"Helm release {namespace}/{name}: {refusal}")
        return left

    def own(self, namespace: str = "", name: str = "") -> dict[tuple[str, str], str]:
        """Namespace and name of one's own releases, to the state that Helm says they are in."""
        which = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        which += ["--filter", f"^{re.escape(name)}$"] if name else []
        which += [f"--{state}" for state in _STATES]
        listed = self._run(["list", "--output", "json", "--selector", "=".join(self.mark), *which])
        return {(str(one["namespace"]), str(one["name"])): str(one["status"]) for one in json.loads(listed)}

    @cached_property
    def cache(self) -> Path:
        """Where charts are kept: Helm's own folder for them."""
        folder = Path(self._run(["env", "HELM_REPOSITORY_CACHE"], on_cluster=False).strip())
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _pulled(self, chart: ChartReference) -> Path | str:
        archive = self.cache / chart.archive
        if archive.exists():
            return archive
        repository = ["--repo", chart.repository] if chart.repository else []
        with TemporaryDirectory(dir=self.cache, prefix="pull-") as folder:
            command = ["pull", chart.name, "--version", chart.version, *repository, "--destination", folder]
            try:
                self._run(command, seconds=_PULL_SECONDS, on_cluster=False)
            except RefusedError as refusal:
                return str(refusal)
            (packed,) = Path(folder).glob("*.tgz")
            return packed.rename(archive)

    def _change(self, verb: str, namespace: str, name: str, release: Properties) -> None:
        seconds = int(release.get("timeout") or _TIMEOUT_SECONDS)
        awaited = [] if release.get("skipAwait") else ["--wait"]
        archive = str(self.archives[ChartReference.of(release)])
        how = ["--namespace", namespace, "--values", "-", "--labels", "=".join(self.mark), "--timeout", f"{seconds}s"]
        try:
            given = json.dumps(unwrapped(release.get("values") or {}))
            self._run([verb, name, archive, *how, *awaited], given=given, seconds=seconds + _GRACE_SECONDS)
        except RefusedError as refusal:
            raise RefusedError(f"Helm release {namespace}/{name} ({ChartReference.of(release)}): {refusal}") from None

    def _uninstall(self, namespace: str, name: str) -> None:
        self._run(["uninstall", name, "--namespace", namespace, "--wait"], seconds=_TIMEOUT_SECONDS + _GRACE_SECONDS)

    def _adopt(self, keys: Sequence[ObjectKey]) -> None:
        for key in keys:
            if live := self.client.get(key):
                self.client.label(live, dict([self.mark]))

    def _run(
        self,
        words: Sequence[str],
        *,
        given: str | None = None,
        seconds: float = _PULL_SECONDS,
        on_cluster: bool = True,
    ) -> str:
        """What Helm says.

        Raises:
            RefusedError: why it failed, in its own words.
        """
        where = ["--kubeconfig", str(self.client.kubeconfig), "--kube-context", self.client.context]
        command = [str(self.program), *words, *(where if on_cluster else [])]
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RefusedError(f"helm {words[0]} has not ended after {seconds:.0f} s.") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
            raise RefusedError(" ".join(said or [done.stderr.strip()]).removeprefix("Error: "))
        return done.stdout


def _definitions(manifests: str) -> list[ObjectKey]:
    """The definitions of kinds among manifests."""
    return [
        ObjectKey(api_version=one["apiVersion"], kind=_KIND, namespace="", name=one["metadata"]["name"])
        for one in yaml.safe_load_all(manifests)
        if isinstance(one, Mapping) and one.get("kind") == _KIND
    ]
