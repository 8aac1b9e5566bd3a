"""Where somebody outside can reach the service: who may ask, what they are told, and how often."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc import jwt as issuer
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from starlette.testclient import TestClient

from recommender import keys
from recommender.app import create_app
from recommender.events import Record
from recommender.limit import Limit, network_of
from recommender.settings import Settings, SettingsError

SIGNING = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
ANY_ALGORITHM = RSAKey.import_key(
    {name: value for name, value in SIGNING.as_dict(private=True).items() if name != "alg"}
)
CLAIMS = {"iss": "https://login.shop.test", "aud": "recommender", "sub": "ana", "scope": "openid visitor"}
Start = Callable[..., TestClient]


class Nowhere:
    """A stream that takes everything."""

    def put(self, _: list[Record]) -> list[Record]:
        return []


def made(name: str, scope: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """A key and its entry, as the command makes them."""
    assert keys.main([name, scope, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    return found["key"], found["entry"]


def token(key: Any = SIGNING, algorithm: str = "RS256", header: dict[str, str] | None = None, **claims: Any) -> str:
    """A token by a library that is not the service's."""
    all_claims = {**CLAIMS, "exp": int(time.time()) + 300, **claims}
    kept = {name: value for name, value in all_claims.items() if value is not None}
    named = {"alg": algorithm, **({"kid": key.kid} if key.kid else {}), **(header or {})}
    return str(issuer.encode(named, kept, key, algorithms=[algorithm]))


def by_hand(header: dict[str, str], secret: bytes) -> str:
    """A token as no careful library makes one: HS256 with whatever is taken for a secret."""
    parts = [header, {**CLAIMS, "exp": int(time.time()) + 300}]
    head = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret, head, "sha256")
    return (head + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def bearer(presented: str) -> dict[str, str]:
    """The header that presents it."""
    return {"Authorization": f"Bearer {presented}"}


@pytest.fixture
def start(saved: Path, tmp_path: Path) -> Iterator[Start]:
    opened: list[TestClient] = []

    def exposed(**variables: str) -> TestClient:
        (tmp_path / "jwks.json").write_text(json.dumps(KeySet([SIGNING]).as_dict(private=False)))
        environment = {
            "MLOPS_MODEL_PATH": str(saved),
            "MLOPS_EXPOSED": "true",
            "MLOPS_JWT_JWKS": str(tmp_path / "jwks.json"),
            "MLOPS_JWT_ISSUER": str(CLAIMS["iss"]),
            "MLOPS_JWT_AUDIENCE": str(CLAIMS["aud"]),
            "MLOPS_ADMIN_TOKEN": "s3cret",
            **variables,
        }
        client = TestClient(create_app(Settings.from_environment(environment), Nowhere()))
        opened.append(client.__enter__())
        while client.get("/ready").status_code != 200:
            time.sleep(0.02)
        return client

    yield exposed
    for client in opened:
        client.__exit__(None, None, None)


ASKED = "/recommendations/ana"


def test_only_probes_are_answered_to_nobody(start: Start) -> None:
    client = start(MLOPS_RATE_LIMIT="0")
    for path in ("/health", "/ready", "/v2/health/live", "/v2/health/ready", "/v2/models/recommender/ready", "/ping"):
        assert client.get(path).status_code == 200, path
    paths = client.get("/openapi.json", headers=bearer("s3cret")).json()["paths"]
    closed = [path for path in paths if "health" not in path and not path.endswith(("ready", "/ping"))]
    for path in (*closed, "/docs", "/redoc", "/openapi.json", "/no/such/path", "/metrics/", "//metrics", "/admin"):
        for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"):
            answer = client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                assert answer.json().keys() == ({"error"} if path.startswith("/v2") else {"detail"})


def test_each_scope_reaches_what_is_its_own(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    shop, entry = made("shop", "visitor", capsys)
    ops, second = made("ops", "operator", capsys)
    client = start(MLOPS_API_KEYS=f"{entry}, {second}")
    tensor = {"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": ["ana"]}]}
    event = {"user_id": "ana", "product_id": "cup", "event_type": "view"}
    for presented in (shop, ops, "s3cret", token()):
        sent = bearer(presented)
        assert client.get(ASKED, headers=sent).status_code == 200
        assert client.get("/products/cup/similar", headers=sent).status_code == 200
        assert client.post("/invocations", json={"user_id": "ana"}, headers=sent).status_code == 200
        assert client.post("/v2/models/recommender/infer", json=tensor, headers=sent).status_code == 200
        assert client.post("/events", json=event, headers=sent).status_code == 202
    assert client.get(ASKED, headers={"X-API-Key": shop}).status_code == 200
    for path in ("/metrics", "/docs", "/openapi.json"):
        assert [client.get(path, headers=bearer(who)).status_code for who in (shop, token(), ops)] == [403, 403, 200]
    assert client.post("/admin/reload", headers=bearer(shop)).status_code == 403
    for who in (ops, "s3cret", token(sub="eve", scope="operator")):
        assert client.post("/admin/reload", headers=bearer(who)).status_code == 200
    assert client.get(ASKED, headers=bearer(token(scope="openid email"))).status_code == 403
    assert client.get(ASKED, headers=bearer(token(scope=None))).status_code == 403


def test_reasons_are_told_to_the_person_and_to_operators_only(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    shop, entry = made("shop", "visitor", capsys)
    client = start(MLOPS_API_KEYS=entry, MLOPS_PII_SALT="salt")

    def reasons(presented: str) -> bool:
        found = client.get(ASKED, headers=bearer(presented)).json()["recommendations"]
        sent = {"json": {"user_id": "ana"}, "headers": bearer(presented)}
        assert client.post("/invocations", **sent).json()["recommendations"] == found
        assert [item["product_id"] for item in found][:2] == ["pan", "hat"]
        return any(item["because"] for item in found)

    assert reasons(token())
    assert reasons("s3cret")
    assert reasons(token(sub="root", scope="operator visitor"))
    for other in (shop, token(sub="bo"), token(sub="ANA"), token(sub="anа")):
        assert not reasons(other)


def test_with_a_persons_token_nobody_else_is_spoken_for(start: Start) -> None:
    client = start()
    events = [{"user_id": user, "product_id": "cup", "event_type": "view"} for user in ("ana", "bo")]
    assert client.post("/events", json=events[0], headers=bearer(token())).status_code == 202
    assert client.post("/events", json=events[1], headers=bearer(token())).status_code == 403
    assert client.post("/events", json=events, headers=bearer(token())).status_code == 403


def test_a_token_that_is_not_wholly_right_is_no_token(start: Start) -> None:
    client = start()
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    elliptic = ECKey.generate_key("P-256", {"kid": "two"})
    published = SIGNING.as_pem(private=False)
    unsigned = "eyJhbGciOiJub25lIn0." + token().split(".")[1] + "."
    wrong = {
        "expired": token(exp=int(time.time()) - 60),
        "without an end": token(exp=None),
        "not yet": token(nbf=int(time.time()) + 600),
        "of another issuer": token(iss="https://elsewhere.test"),
        "for another service": token(aud="warehouse"),
        "for nobody": token(aud=None),
        "of nobody": token(sub=None),
        "by a stranger": token(stranger),
        "by a key that was never published": token(elliptic, "ES256"),
        "unsigned": unsigned,
        "signed with the public key": by_hand({"alg": "HS256", "kid": "one"}, published),
        "by another algorithm of the same key": token(ANY_ALGORITHM, "PS256"),
        "changed": token()[:-3] + "abc",
    }
    for what, presented in wrong.items():
        assert client.get(ASKED, headers=bearer(presented)).status_code == 401, what
    assert client.get(ASKED, headers=bearer(token())).status_code == 200


def test_a_shared_secret_does_where_the_issuer_publishes_no_keys(start: Start) -> None:
    secret = "0123456789" * 4
    client = start(MLOPS_JWT_JWKS="", MLOPS_JWT_SECRET=secret)
    assert client.get(ASKED, headers=bearer(token(OctKey.import_key(secret), "HS256"))).status_code == 200
    assert client.get(ASKED, headers=bearer(token(OctKey.import_key("x" * 32), "HS256"))).status_code == 401
    assert client.get(ASKED, headers=bearer(token())).status_code == 401


def test_whatever_is_presented_is_an_answer_in_json(start: Start) -> None:
    client = start(MLOPS_RATE_LIMIT="0")
    head = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9"

    @given(st.one_of(st.binary(max_size=60), st.sampled_from([b"a.b.c", b"..", b"a" * 5_000, b"\xff.\xff.\xff"])))
    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def presents(junk: bytes) -> None:
        clean = bytes(byte for byte in junk if byte >= 0x20 and byte != 0x7F)
        for value in (clean, b"Bearer " + clean, f"Bearer {head}.".encode() + clean + b"." + clean):
            answer = client.get(ASKED, headers=[(b"Authorization", value)])
            assert (answer.status_code, list(answer.json())) == (401, ["detail"])

    presents()


def test_keys_are_read_again_when_the_issuer_changes_them(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.login._AGAIN_SECONDS", 0.0)
    fresh = ECKey.generate_key("P-256", {"kid": "two"})
    client = start()
    assert client.get(ASKED, headers=bearer(token(fresh, "ES256"))).status_code == 401
    (tmp_path / "jwks.json").write_text(json.dumps(KeySet([fresh]).as_dict(private=False)))
    assert client.get(ASKED, headers=bearer(token(fresh, "ES256"))).status_code == 200
    assert client.get(ASKED, headers=bearer(token())).status_code == 401, "it is not published any more"


def test_an_invented_key_id_does_not_make_the_issuer_pay(start: Start) -> None:
    asked = []

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(KeySet([SIGNING]).as_dict(private=False)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = start(MLOPS_JWT_JWKS=f"http://127.0.0.1:{server.server_port}/keys")
    assert client.get(ASKED, headers=bearer(token())).status_code == 200
    for number in range(10):
        assert client.get(ASKED, headers=bearer(token(header={"kid": f"k{number}"}))).status_code == 401
    server.shutdown()
    server.server_close()
    assert asked == ["/keys"]


def test_while_the_keys_cannot_be_read_tokens_wait_and_keys_do_not(start: Start, tmp_path: Path) -> None:
    client = start(MLOPS_JWT_JWKS=str(tmp_path / "none.json"))
    answer = client.get(ASKED, headers=bearer(token()))
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert client.get(ASKED, headers=bearer("s3cret")).status_code == 200


def test_whoever_asks_too_often_is_told_when_to_come_back(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    shop, entry = made("shop", "visitor", capsys)
    client = start(MLOPS_API_KEYS=entry, MLOPS_RATE_LIMIT="5", MLOPS_KEY_RATE_LIMIT="50")
    statuses = [client.get(ASKED, headers=bearer(token())).status_code for _ in range(15)]
    assert (statuses[:10], statuses[-1]) == ([200] * 10, 429)
    answer = client.get(ASKED, headers=bearer(token()))
    assert int(answer.headers["retry-after"]) >= 1
    assert list(answer.json()) == ["detail"]
    assert client.get(ASKED, headers=bearer(token(sub="bo"))).status_code == 200, "each for themselves"
    assert [client.get(ASKED, headers=bearer(shop)).status_code for _ in range(50)] == [200] * 50
    guesses = [client.get(ASKED, headers=bearer(f"guess-{number}")).status_code for number in range(15)]
    assert (guesses[0], guesses[-1]) == (401, 429)
    assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 200], "probes go on"


def test_many_users_in_one_request_count_as_many(start: Start) -> None:
    client = start(MLOPS_RATE_LIMIT="10")
    data = [f"user-{number}" for number in range(60)]
    body = {"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [60], "data": data}]}
    ask = [client.post("/v2/models/recommender/infer", json=body, headers=bearer(token())) for _ in range(2)]
    assert [answer.status_code for answer in ask] == [200, 429]
    assert int(ask[1].headers["retry-after"]) >= 3
    assert list(ask[1].json()) == ["error"]


def test_a_bucket_fills_at_its_rate_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    limit = Limit(lambda: now[0])
    assert [limit.wait("a", 2.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.5]
    now[0] = 0.5
    assert [limit.wait("a", 2.0) for _ in range(2)] == [0.0, 0.5]
    now[0] = 1_000.0
    assert sum(limit.wait("a", 2.0) == 0.0 for _ in range(100)) == 4
    monkeypatch.setattr("recommender.limit._MOST_BUCKETS", 3)
    for name in "abcdefgh":
        limit.wait(name, 2.0)
    assert len(limit._buckets) == 3


def test_one_household_is_one_address() -> None:
    assert network_of("2001:db8:1:2:3::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("testclient") == "unknown"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MLOPS_EXPOSED": "true"}, "or MLOPS_LOGIN=off where something in front asks already"),
        ({"MLOPS_LOGIN": "on"}, "MLOPS_LOGIN is on, and there is nothing to tell people by"),
        ({"MLOPS_LOGIN": "maybe"}, "MLOPS_LOGIN: Input should be 'on' or 'off'"),
        ({"MLOPS_JWT_JWKS": "https://login.shop.test/keys"}, "tokens need MLOPS_JWT_ISSUER and MLOPS_JWT_AUDIENCE"),
        ({"MLOPS_JWT_SECRET": "short"}, "tokens need MLOPS_JWT_ISSUER"),
        ({"MLOPS_API_KEYS": "shop:visitor:abc"}, "MLOPS_API_KEYS: entry 1 is not name:scope:sha256"),
        ({"MLOPS_API_KEYS": f"shop:root:{'0' * 64}"}, "visitor or operator"),
        ({"MLOPS_API_KEYS": f"a:visitor:{'0' * 64} b:operator:{'0' * 64}"}, "a name or a key is given twice"),
        ({"MLOPS_RATE_LIMIT": "-1"}, "MLOPS_RATE_LIMIT"),
        ({"MLOPS_RATE_LIMIT": "nan"}, "MLOPS_RATE_LIMIT"),
    ],
)
def test_a_login_that_cannot_work_ends_the_start(variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({"MLOPS_MODEL_PATH": "/m", **variables})
    assert said in str(error.value)
    assert not any(value in str(error.value) for value in variables.values() if len(value) > 20)


@pytest.mark.parametrize(
    ("jwks", "taken"),
    [
        ("http://login.shop.test/keys", False),
        ("http://keycloak.login.svc.cluster.local/keys", True),
        ("https://login.shop.test/keys", True),
        ("ftp://login.shop.test/keys", False),
        ("/etc/keys.json", True),
    ],
)
def test_keys_do_not_come_over_the_network_in_clear(jwks: str, taken: bool) -> None:
    environment = {"MLOPS_MODEL_PATH": "/m", "MLOPS_JWT_ISSUER": "i", "MLOPS_JWT_AUDIENCE": "a", "MLOPS_JWT_JWKS": jwks}
    if taken:
        assert Settings.from_environment(environment).asks_login
        return
    with pytest.raises(SettingsError, match="in clear"):
        Settings.from_environment(environment)


def test_whoever_says_so_is_exposed_without_a_login_and_with_a_limit() -> None:
    told = Settings.from_environment({"MLOPS_MODEL_PATH": "/m", "MLOPS_EXPOSED": "true", "MLOPS_LOGIN": "off"})
    assert (told.asks_login, told.limit, told.key_limit) == (False, 20.0, 1_000.0)
    inside = Settings.from_environment({"MLOPS_MODEL_PATH": "/m"})
    assert (inside.asks_login, inside.limit, inside.key_limit) == (False, 0.0, 0.0)


def test_a_key_is_shown_once_and_kept_as_a_hash(capsys: pytest.CaptureFixture[str]) -> None:
    key, entry = made("shop", "visitor", capsys)
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": "/m", "MLOPS_API_KEYS": entry})
    assert len(key) >= 43
    assert key not in entry
    assert entry.rpartition(":")[2] not in repr(settings)
    assert settings.api_keys[0].is_of(key)
    assert not settings.api_keys[0].is_of(key[:-1])
    with pytest.raises(SystemExit) as stop:
        keys.main(["no name", "visitor"])
    assert stop.value.code == 2
