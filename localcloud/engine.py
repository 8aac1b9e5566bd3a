"""The driver: the real Pulumi engine on the stand-in cloud, through the Automation API, on a file backend.

Everything lies in one folder: the engine's state, the pretend cloud, and the Kubernetes objects as YAML. No
network and no credentials; plugins are never downloaded, because every provider is attached by its port.
"""

import fcntl
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Self

import grpc  # type: ignore[import-untyped]
import yaml
from pulumi import automation
from pulumi.automation.errors import CommandError
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from localcloud.aws_provider import AwsProvider
from localcloud.command import Command, interruptible
from localcloud.eks_provider import EksProvider
from localcloud.events import EventReader, Failure, MessageEvent, OnEvent
from localcloud.faults import Fault, Faults
from localcloud.inline_program import InlineProgram
from localcloud.kubernetes_provider import ApiServer
from localcloud.manifests import Manifests
from localcloud.provider import Setting, StandIn
from localcloud.quiet_stack import QuietStack
from localcloud.real_kubernetes import kubernetes_provider
from localcloud.recovery import BusyError, clear_stale_lock, settle_pending
from localcloud.world import World
from mlops.plan.graph import Graph, from_export
from mlops.plan.pace import without_garbage_collection

OperationName = Literal["preview", "up", "refresh", "destroy"]
Program = Callable[[], object]

_PASSPHRASE = "stand-in"
"""Encrypts nothing that is secret: the stand-in cloud has no real credentials."""

_MESSAGE_BYTES = 400 * 1024 * 1024
_OPTIONS = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]


@dataclass(frozen=True, kw_only=True)
class Result:
    """How an operation ended."""

    operation: OperationName
    counts: Mapping[str, int]
    """create, update, replace, delete, same, read -> resources; what is zero is left out."""
    seconds: float
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Stack outputs after an up; secrets read `[secret]`."""
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False
    """Whether there was a ^C. What had begun is finished; the next operation goes on."""

    @property
    def ok(self) -> bool:
        return not self.failures and not self.interrupted

    @property
    def changed(self) -> bool:
        """Whether anything was or would be done."""
        return any(self.counts.get(key) for key in ("create", "update", "replace", "delete"))


class LocalCloud:
    """The stand-in cloud of one folder; a context manager that serves providers while it is open."""

    def __init__(
        self,
        state_dir: Path,
        *,
        pulumi: Path,
        faults: Iterable[Fault] = (),
        existing: Iterable[str] = (),
        api_server: ApiServer | None = None,
        delay_seconds: float = 0.0,
        throwaway: bool = False,
    ) -> None:
        """
        Args:
            state_dir: made when it is missing; holds everything.
            pulumi: the CLI's binary.
            faults: what shall fail once.
            existing: ids and ARNs of AWS resources that are there without Pulumi, as an adopted VPC.
            api_server: a real API server for the Kubernetes half.
            delay_seconds: how long each operation takes.
            throwaway: the folder goes afterwards, so the engine need not save its state after every single step,
                which is most of a large stack's time; a kill in the middle then loses it.
        """
        self.folder = state_dir.absolute()
        self.command = Command(pulumi)
        self.faults = Faults.of(faults)
        self._existing = tuple(existing)
        self._api_server = api_server
        self._delay_seconds = delay_seconds
        self._throwaway = throwaway
        self._servers: list[grpc.Server] = []
        self._providers: list[StandIn] = []
        self._lock: IO[str] | None = None
        self.world = World()
        self._ports: dict[str, int] = {}

    @property
    def kubernetes_folder(self) -> Path:
        """Where the Kubernetes objects are written as YAML."""
        return self.folder / "kubernetes"

    @property
    def backend(self) -> Path:
        return self.folder / "backend"

    @property
    def backend_url(self) -> str:
        # A state and its metadata are two files, and a kill between their writing makes both unreadable.
        return f"{self.backend.as_uri()}?metadata=skip"

    def __enter__(self) -> Self:
        """
        Raises:
            BusyError: another process has this folder open.
        """
        for folder in (self.backend, self.folder / "home", self.folder / "project"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "in-use").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise BusyError(f"Another process works in {self.folder}. Wait for it to end, or stop it.") from None
        self.world = World(self.folder / "world.jsonl", self._existing)
        setting = Setting(world=self.world, faults=self.faults, delay_seconds=self._delay_seconds)
        manifests = Manifests(self.kubernetes_folder)
        self._serve(AwsProvider(setting))
        self._serve(EksProvider(setting))
        self._serve(kubernetes_provider(setting, manifests, self._api_server))
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop(grace=0).wait()
        self._servers.clear()
        for provider in self._providers:
            provider.close()
        self._providers.clear()
        self.world.close()
        if self._lock:
            self._lock.close()

    def stack(
        self,
        program: Program,
        *,
        project: str,
        stack: str,
        config: Mapping[str, str],
        secret_keys: Collection[str] = (),
    ) -> "LocalStack":
        """The stack of a program in this cloud.

        Args:
            config: full keys such as `aws:region` to their values as text. Default providers are disabled whatever
                it says.
            secret_keys: the keys of `config` that hold secrets.
        """
        return LocalStack(self, program, project, stack, config, secret_keys)

    def environment(self) -> dict[str, str]:
        """Environment variables for the CLI."""
        skip = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"} if self._throwaway else {}
        return {
            **skip,
            "PULUMI_BACKEND_URL": self.backend_url,
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package, port in self._ports.items()),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def _serve(self, provider: StandIn) -> None:
        # The engine sends as many requests at once as there are resources without unfinished dependencies.
        server = grpc.server(ThreadPoolExecutor(max_workers=64), options=_OPTIONS)
        add_ResourceProviderServicer_to_server(provider, server)
        self._ports[provider.package] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._servers.append(server)
        self._providers.append(provider)


class LocalStack:
    """One stack in the stand-in cloud. Every operation first clears up what a hard stop has left."""

    def __init__(
        self,
        cloud: LocalCloud,
        program: Program,
        project: str,
        stack: str,
        config: Mapping[str, str],
        secret_keys: Collection[str],
    ) -> None:
        self._cloud = cloud
        self._project = project
        self._name = stack
        self._program = InlineProgram(program)
        folder = cloud.folder / "project"
        self._write_settings(folder, {key: value for key, value in config.items() if key not in secret_keys})
        workspace = automation.LocalWorkspace(
            work_dir=str(folder),
            pulumi_home=str(cloud.folder / "home"),
            program=self._program,
            env_vars=cloud.environment(),
            pulumi_command=cloud.command,
        )
        self._stack = QuietStack(stack, workspace, project, cloud.backend)
        secrets = {key: automation.ConfigValue(value=config[key], secret=True) for key in secret_keys}
        if secrets:
            self._stack.set_all_config(secrets)

    def preview(self, on_event: OnEvent | None = None) -> Result:
        """What an up would do, as far as that can be known beforehand."""
        return self._run("preview", self._stack.preview, on_event)

    def up(self, on_event: OnEvent | None = None, on_interrupt: Callable[[], object] | None = None) -> Result:
        """Make what the program describes. Failures are in the result, not raised.

        Raises:
            BaseException: what the program itself raises, unchanged.
        """
        return self._run("up", self._stack.up, on_event, on_interrupt)

    def refresh(self, on_event: OnEvent | None = None) -> Result:
        """Bring the state in line with what exists."""
        return self._run("refresh", self._stack.refresh, on_event)

    def destroy(
        self,
        on_event: OnEvent | None = None,
        on_interrupt: Callable[[], object] | None = None,
        *,
        exclude_protected: bool = False,
    ) -> Result:
        """Delete everything, or everything but what is protected and what that needs."""

        def destroy(**options: Any) -> object:
            return self._stack.destroy(exclude_protected=exclude_protected, **options)

        return self._run("destroy", destroy, on_event, on_interrupt)

    def export(self) -> dict[str, Any]:
        """The state, as `pulumi stack export` prints it; secrets are encrypted."""
        return self._stack.state()

    def graph(self) -> Graph:
        """The resources in the state."""
        return from_export(self.export())

    def cancel(self) -> None:
        """Remove the lock of an operation that was stopped hard."""
        self._stack.cancel()

    def _run(
        self,
        operation: OperationName,
        call: Callable[..., object],
        on_event: OnEvent | None,
        on_interrupt: Callable[[], object] | None = None,
    ) -> Result:
        self._recover(on_event)
        reader = EventReader(on_event)
        started = time.monotonic()
        error: CommandError | None = None
        with without_garbage_collection(), interruptible(self._cloud.command, on_interrupt) as interrupted:
            try:
                call(on_event=reader.read, color="never")
            except CommandError as failed:
                error = failed
            finally:
                self._program.close()
        seconds = time.monotonic() - started
        if self._program.raised and not interrupted():
            raise self._program.raised
        failures = reader.failures
        if error and not failures and not interrupted():
            failures = (Failure(urn="", message=_first_error(error)),)
        return Result(
            operation=operation,
            counts=dict(reader.counts),
            seconds=seconds,
            outputs=self.graph().stack_outputs if operation == "up" else {},
            failures=failures,
            interrupted=interrupted(),
        )

    def _recover(self, on_event: OnEvent | None) -> None:
        stopped = clear_stale_lock(self._cloud.backend, self._project, self._name)
        done = [stopped, *settle_pending(self._stack, self._cloud.world)] if stopped else []
        for line in done if on_event else ():
            on_event(MessageEvent(severity="warning", text=str(line)))  # type: ignore[misc]

    def _write_settings(self, folder: Path, config: Mapping[str, str]) -> None:
        """Project and stack file in one go; the CLI would need a process for each value."""
        project = {"name": self._project, "runtime": "python", "backend": {"url": self._cloud.backend_url}}
        (folder / "Pulumi.yaml").write_text(json.dumps(project))
        path = folder / f"Pulumi.{self._name}.yaml"
        kept = _salt(path)
        disabled = {"pulumi:disable-default-providers": ["*"]}
        path.write_text(json.dumps({**kept, "config": {**config, **disabled}}))


def _salt(path: Path) -> dict[str, str]:
    """The salt of the stack's secrets, which the CLI keeps in the stack file and must find again."""
    settings = yaml.safe_load(path.read_text()) if path.exists() else {}
    return {key: value for key, value in settings.items() if key == "encryptionsalt"}


def _first_error(error: CommandError) -> str:
    """The reason in the output of a command that ended before the engine began."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[-1])
