"""Real brokers on loopback, run from their projects' own Maven artifacts where Java and Maven are at hand."""

import base64
import hmac
import json
import os
import runpy
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FOLDER = Path(__file__).parent
_START_SECONDS = 120.0
USER, ROLE = "loop", "client"
INTRODUCE = _FOLDER.parents[2] / "components" / "data_pipeline" / "pulsar" / "introduce.py"
"""What the platform runs on the cluster once Pulsar is there."""


@dataclass(frozen=True)
class Certificate:
    """One that vouches for itself, for 127.0.0.1; PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Kafka:
    """A broker in KRaft mode with a listener a way of being known."""

    plain: str
    scram: str
    """Over TLS, by user and password."""
    oauth: str
    """Over TLS, by a token that the broker reads without a signature."""
    password: str
    authority: str


@dataclass(frozen=True)
class Pulsar:
    """A standalone broker that wants tokens, over TLS."""

    url: str
    admin_url: str
    superuser: str
    """Token that may do everything."""
    token: str
    """Token of a role that the platform's own job introduced: it may write to and read `public/default`."""
    authority: str


@cache
def classpath(project: str) -> str:
    """Of a broker; skips the test that asks where it cannot be had."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("needs java and mvn on PATH: the broker is run from its Maven artifacts")
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "classpath"
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(_FOLDER / f"{project}.xml"), "dependency:build-classpath",
             "-DincludeScope=runtime", f"-Dmdep.outputFile={answer}"],
            capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"the Maven artifacts of {project} are not to be had here: {done.stdout[-300:]}")
        return answer.read_text().strip()


def ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return found


def certificate() -> Certificate:
    """A new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(certificate=made.public_bytes(encoding).decode(), key=private.decode())


def json_web_token(subject: str, key: bytes | None) -> str:
    """Signed with a key, or with none."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    now = int(time.time())
    header = {"alg": "HS256" if key else "none", "typ": "JWT"}
    claims = {"sub": subject, "iat": now, "exp": now + 3600}
    body = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{body}.{encoded(hmac.digest(key, body.encode(), 'sha256')) if key else ''}"


@contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """A broker, ready."""
    path = classpath("kafka")
    own = certificate()
    password = secrets.token_urlsafe(16)
    plain, scram, oauth, controller = ports(4)
    (folder / "server.pem").write_text(own.key + own.certificate)
    bearer = "org.apache.kafka.common.security.oauthbearer"
    module = f"{bearer}.OAuthBearerLoginModule"
    checks = f"{bearer}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(
            f"{name}://127.0.0.1:{port}"
            for name, port in (("PLAIN", plain), ("SCRAM", scram), ("OAUTH", oauth), ("CONTROLLER", controller))
        ),
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,OAUTH:SASL_SSL",
        "inter.broker.listener.name": "PLAIN",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": f'{module} required unsecuredLoginStringClaim_sub="x";',
        "listener.name.oauth.oauthbearer.sasl.server.callback.handler.class": checks,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }
    file = folder / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    identity = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode().replace("-", "A")
    user = f"SCRAM-SHA-512=[name={USER},password={password}]"
    java = ["java", "-Xmx512m", "-cp", path]
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(file), "--add-scram", user],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with _running([*java, "kafka.Kafka", str(file)], folder / "kafka.log", plain, oauth):
        yield Kafka(
            plain=f"127.0.0.1:{plain}",
            scram=f"127.0.0.1:{scram}",
            oauth=f"127.0.0.1:{oauth}",
            password=password,
            authority=own.certificate,
        )


_PULSAR_OPENS = (
    *("java.base/java.lang", "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent"),
    *("java.base/java.net", "java.base/sun.net", "java.base/jdk.internal.misc", "java.base/jdk.internal.platform"),
    *("java.management/sun.management", "jdk.management/com.sun.management.internal"),
)


@contextmanager
def pulsar(folder: Path) -> Iterator[Pulsar]:
    """A standalone broker, ready."""
    path = classpath("pulsar")
    own, key = certificate(), secrets.token_bytes(32)
    plain, tls, web, bookie = ports(4)
    (folder / "server.pem").write_text(own.certificate)
    (folder / "server.key").write_text(own.key)
    token = json_web_token("admin", key)
    settings = {
        "zookeeperServers": "",
        "configurationStoreServers": "",
        "clusterName": "standalone",
        "bindAddress": "127.0.0.1",
        "advertisedAddress": "127.0.0.1",
        "brokerServicePort": plain,
        "brokerServicePortTls": tls,
        "webServicePort": web,
        "tlsCertificateFilePath": folder / "server.pem",
        "tlsKeyFilePath": folder / "server.key",
        "tlsTrustCertsFilePath": folder / "server.pem",
        "authenticationEnabled": "true",
        "authorizationEnabled": "true",
        "authenticationProviders": "org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
        "superUserRoles": "admin",
        "tokenSecretKey": f"data:;base64,{base64.b64encode(key).decode()}",
        "brokerClientAuthenticationPlugin": "org.apache.pulsar.client.impl.auth.AuthenticationToken",
        "brokerClientAuthenticationParameters": f"token:{token}",
        "defaultRetentionTimeInMinutes": "60",
        "defaultRetentionSizeInMB": "-1",
        "allowAutoTopicCreationType": "partitioned",
        "defaultNumPartitions": "3",
        "managedLedgerDefaultEnsembleSize": "1",
        "managedLedgerDefaultWriteQuorum": "1",
        "managedLedgerDefaultAckQuorum": "1",
        "loadManagerClassName": "org.apache.pulsar.broker.loadbalance.NoopLoadManager",
        "diskUsageThreshold": "0.99",
        "diskUsageWarnThreshold": "0.98",
    }
    file = folder / "standalone.conf"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    opens = [part for name in _PULSAR_OPENS for part in ("--add-opens", f"{name}=ALL-UNNAMED")]
    command = [
        *("java", "-Xmx768m", "-XX:MaxDirectMemorySize=512m", "-Dio.netty.tryReflectionSetAccessible=true"),
        *(*opens, "-cp", path, "org.apache.pulsar.PulsarStandaloneStarter", "--config", str(file)),
        *("--no-functions-worker", "--no-stream-storage", "--bookkeeper-dir", str(folder / "bookies")),
        *("--bookkeeper-port", str(bookie), "--metadata-dir", str(folder / "metadata")),
        *("--advertised-address", "127.0.0.1"),
    ]
    with _running(command, folder / "pulsar.log", tls, web):
        _wait_for_namespace(f"http://127.0.0.1:{web}", token)
        introduce = runpy.run_path(str(INTRODUCE))
        introduce["Admin"](f"http://127.0.0.1:{web}", token, None).introduce("public/default", "introduced", 3, ROLE)
        yield Pulsar(
            url=f"pulsar+ssl://127.0.0.1:{tls}",
            admin_url=f"http://127.0.0.1:{web}",
            superuser=token,
            token=introduce["token"](key, ROLE),
            authority=own.certificate,
        )


def _wait_for_namespace(url: str, token: str) -> None:
    """It makes the namespace that topics without one lie in after it has begun to listen."""
    end = time.monotonic() + _START_SECONDS
    known = {"Authorization": f"Bearer {token}"}
    while httpx.get(f"{url}/admin/v2/namespaces/public/default", headers=known).is_error:
        assert time.monotonic() < end, "the namespace public/default is not made"
        time.sleep(0.5)


@contextmanager
def _running(command: list[str], log: Path, *awaited: int) -> Iterator[None]:
    environment: Mapping[str, str] = {**os.environ, "LOG4J_CONFIGURATION_FILE": ""}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=log.parent, start_new_session=True
        )
    try:
        end = time.monotonic() + _START_SECONDS
        for port in awaited:
            while not _listens(port):
                assert process.poll() is None, f"ended:\n{log.read_text()[-3000:]}"
                assert time.monotonic() < end, f"not ready:\n{log.read_text()[-3000:]}"
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
