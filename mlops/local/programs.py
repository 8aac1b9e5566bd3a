"""What runs in a local stack: commands, environments, ports and how to tell that each one works."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlops.local.layout import Layout, read_json, write_json

ProbeKind = Literal["tcp", "http", "socket"]
NAMES = ("aws", "mlflow", "recommender", "worker")
"""In the order in which one needs the other."""

MODEL = "recommender"
LOOK_SECONDS = 60
"""Between two looks of the worker at new events and at what is served."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process."""

    name: str
    what: str
    """In a few words, for whoever reads the status."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int | None = None
    probe: ProbeKind = "tcp"
    path: str = "/"
    """What an HTTP probe asks for, or the socket that it connects to."""
    start_seconds: float = 30.0
    """How long it may take until it answers for the first time."""

    @property
    def url(self) -> str | None:
        return f"http://127.0.0.1:{self.port}" if self.port else None


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What the processes take from the deployed stack: its region, its account and its outputs."""

    region: str
    account: str
    buckets: Mapping[str, str] = field(default_factory=dict)
    """Zone -> name; empty before the stack is up."""
    stream: str = ""
    release: Mapping[str, str] = field(default_factory=dict)
    """The variable that says how a new model takes over."""

    @classmethod
    def of(cls, region: str, account: str, outputs: Mapping[str, Any], release: Mapping[str, str]) -> "StackSettings":
        """From the outputs of an up, and what its stack file says of releases.

        Raises:
            KeyError: an output that the processes need is missing.
        """
        return cls(
            region=region,
            account=account,
            buckets=dict(outputs["buckets"]),
            stream=str(outputs["stream"]),
            release=dict(release),
        )

    @property
    def deployed(self) -> bool:
        """Whether there are outputs."""
        return bool(self.buckets)


def programs(layout: Layout, ports: Mapping[str, int], settings: StackSettings, token: str) -> tuple[Program, ...]:
    """Every process that can run with what is known; before the stack is up only those that need no output."""
    python = str(layout.services_python)
    common = environment(layout, ports, settings, token)
    aws = Program(
        name="aws",
        what="S3, Kinesis and other AWS APIs (moto)",
        command=(
            python,
            "-m",
            "local_stack.aws",
            "--port",
            str(ports["aws"]),
            "--journal",
            f"{layout.data}/aws.journal",
        ),
        environment={"MOTO_ACCOUNT_ID": settings.account},
        port=ports["aws"],
        start_seconds=120.0,
    )
    stay = f"worker --interval {LOOK_SECONDS} --port {ports['worker']}"
    worker = Program(
        name="worker",
        what="runs the loop; watches, decides and trains anew",
        command=(python, "-m", "local_stack.worker", "--socket", str(layout.worker_socket))
        + (("--stay", stay) if settings.deployed else ()),
        environment=common,
        port=ports["worker"] if settings.deployed else None,
        probe="socket",
        path=str(layout.worker_socket),
        start_seconds=120.0,
    )
    if not settings.deployed:
        return aws, worker
    mlflow = Program(
        name="mlflow",
        what="experiments and the model registry",
        command=(
            *(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(ports["mlflow"])),
            *(
                "--workers",
                "1",
                "--uvicorn-opts",
                "--log-level warning",
                "--backend-store-uri",
                f"sqlite:///{layout.data}/mlflow.db",
            ),
            *("--serve-artifacts", "--artifacts-destination", f"s3://{settings.buckets['artifacts']}/mlflow"),
        ),
        # It is the server; the address of one would make it ask itself.
        environment={name: value for name, value in common.items() if name != "MLFLOW_TRACKING_URI"},
        port=ports["mlflow"],
        probe="http",
        # Its /health answers before the database is open, and to hosts that everything else refuses.
        path="/api/2.0/mlflow/experiments/search?max_results=1",
        start_seconds=120.0,
    )
    recommender = Program(
        name="recommender",
        what="answers with recommendations",
        command=(python, "-m", "recommender"),
        environment={**common, "PORT": str(ports["recommender"]), "MLOPS_POLL_SECONDS": "2"},
        port=ports["recommender"],
        probe="http",
        path="/health",
        start_seconds=60.0,
    )
    return aws, mlflow, recommender, worker


def environment(layout: Layout, ports: Mapping[str, int], settings: StackSettings, token: str) -> dict[str, str]:
    """The variables that the services read; the same names as in the cloud."""
    aws = f"http://127.0.0.1:{ports['aws']}"
    known = {
        # The emulated AWS takes any key; a real one must never be tried.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "DO_NOT_TRACK": "true",
        "GX_ANALYTICS_ENABLED": "false",
        # Some shells export a HOST of their own, the machine's name: the services would listen on the network.
        "HOST": "127.0.0.1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_S3_ENDPOINT_URL": aws,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{ports['mlflow']}",
        "MLOPS_ADMIN_TOKEN": token,
        "MLOPS_MODEL_CACHE": f"{layout.data}/models",
        "MLOPS_MODEL_NAME": MODEL,
        "MLOPS_SERVING_URL": f"http://127.0.0.1:{ports['recommender']}",
        "MLOPS_STATE": f"{layout.data}/loop",
        # macOS refuses forks of a process that has used its frameworks, unless it is told that this is meant.
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }
    buckets = {f"MLOPS_BUCKET_{zone.upper()}": name for zone, name in settings.buckets.items()}
    return {**known, **buckets, **settings.release, **({"MLOPS_STREAM": settings.stream} if settings.stream else {})}


def write(layout: Layout, defined: tuple[Program, ...]) -> None:
    """Keep the definitions where the launcher reads them."""
    write_json(layout.programs, {program.name: asdict(program) for program in defined})


def read(layout: Layout) -> dict[str, Program]:
    """The definitions that were written last."""
    kept: dict[str, dict[str, Any]] = read_json(layout.programs)
    return {name: Program(**{**fields, **_tuple(fields["command"])}) for name, fields in kept.items()}


def _tuple(command: list[str]) -> dict[str, Any]:
    # JSON knows no tuples, and definitions are compared.
    return {"command": tuple(command)}
