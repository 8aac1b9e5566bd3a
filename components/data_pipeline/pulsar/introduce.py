"""Runs on the cluster, in an image of Python: makes the topic, lets one role write to and read its namespace, and hands
over the token that the role is known by.

Nothing but Python's own library. It may run again: what is there stays, and the token of a role is the same for as long
as the key that signs it. It is the only one that is given the token of a superuser.
"""

import base64
import hmac
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

ACTIONS = ("produce", "consume")
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_API = "https://kubernetes.default.svc"
_PATIENCE_SECONDS = 480.0
_SECONDS = 10


def main() -> None:
    """What the environment says; ends with an error where Pulsar did not answer in time."""
    given, held = os.environ, Path(os.environ["HELD"])
    admin = Admin(given["ADMIN_URL"], (held / "admin").read_text().strip(), str(held / "ca.crt"))
    admin.introduce(given["TOPIC_NAMESPACE"], given["TOPIC"], int(given["PARTITIONS"]), given["ROLE"])
    hand_over(given["KEPT_IN"], token((held / "key").read_bytes(), given["ROLE"]))


def token(key: bytes, role: str) -> str:
    """A JSON Web Token of a role, signed with the brokers' key, as `pulsar tokens create` makes it."""
    body = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": role}))
    return f"{body}.{_encoded(hmac.digest(key, body.encode(), 'sha256'))}"


class Admin:
    """Pulsar's administration, over TLS that its own authority vouches for."""

    def __init__(self, url: str, superuser: str, authority: str | None) -> None:
        self._url = url.rstrip("/")
        self._token = superuser
        self._tls = ssl.create_default_context(cafile=authority) if authority else None

    def introduce(self, namespace: str, topic: str, partitions: int, role: str) -> None:
        """The topic, if there is none of that name, and the role's rights on the namespace and on nothing else."""
        self._awaited("GET", f"namespaces/{namespace}")
        self._once("PUT", f"persistent/{namespace}/{topic}/partitions", partitions, taken=(409,))
        self._once("POST", f"namespaces/{namespace}/permissions/{role}", list(ACTIONS))

    def _awaited(self, method: str, path: str) -> None:
        """Until it answers: brokers and the namespace are there some time after the chart."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._once(method, path)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(5)
            else:
                return

    def _once(self, method: str, path: str, body: object = None, taken: tuple[int, ...] = ()) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        _asked(f"{self._url}/admin/v2/{path}", method, data, headers, self._tls, taken)


def hand_over(secret: str, value: str, *, api: str = _API, account: Path = _ACCOUNT) -> None:
    """Keep the token in a Secret of the pod's own namespace: server-side apply makes it or leaves it as it is."""
    namespace = (account / "namespace").read_text().strip()
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, "namespace": namespace},
        "data": {"TOKEN": base64.b64encode(value.encode()).decode()},
    }
    headers = {
        "Authorization": f"Bearer {(account / 'token').read_text().strip()}",
        "Content-Type": "application/apply-patch+yaml",
    }
    url = f"{api}/api/v1/namespaces/{namespace}/secrets/{secret}?fieldManager=mlops-platform&force=true"
    authority = account / "ca.crt"
    tls = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None
    # JSON is YAML.
    _asked(url, "PATCH", json.dumps(document).encode(), headers, tls)


def _asked(
    url: str,
    method: str,
    data: bytes | None,
    headers: dict[str, str],
    tls: ssl.SSLContext | None,
    taken: tuple[int, ...] = (),
) -> None:
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=tls):
            pass
    except urllib.error.HTTPError as error:
        if error.code not in taken:
            # Its own text names the address, and nothing of what was sent.
            raise OSError(f"{method} {url} was answered with {error.code}") from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
