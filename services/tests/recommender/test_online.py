"""What a recommender is told beside the model: obeyed at once, agreed upon, and survived where it cannot be read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from starlette.testclient import TestClient

from recommender.app import create_app
from recommender.arrays import IdTable
from recommender.catalogue import CATALOGUE, Assortment, Catalogue, Filters
from recommender.manifest import ModelError
from recommender.metrics import Metrics
from recommender.model import Model
from recommender.online import Online
from recommender.recent import RECENT, Recent, RecentTable
from recommender.rules import RULES, Rule, Rules, RulesError
from recommender.settings import Settings

PRODUCTS = ("cup", "hat", "pan", "rug")
CATALOGUE_OF_ALL = Catalogue.of(PRODUCTS, ("kitchen", "garden", "kitchen", None), (3.0, 20.0, 45.0, None))


@dataclass
class Shelf:
    """Documents in memory, as S3 gives them."""

    held: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False
    given: int = 0

    def get(self, key: str, etag: str | None) -> tuple[bytes | None, str | None] | None:
        if self.broken:
            raise ConnectionError("ana@example.com")
        data = self.held.get(key)
        tag = str(hash(data)) if data is not None else None
        if tag is not None and tag == etag:
            return None
        self.given += data is not None
        return data, tag

    def rule(self, **rule: Any) -> None:
        """One rule and no other."""
        self.held[RULES] = Rules(rules=(Rule(**{"name": "one", **rule}),)).written()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({CATALOGUE: CATALOGUE_OF_ALL.packed()})


@pytest.fixture
def served(saved: Path, shelf: Shelf) -> "Callable[..., TestClient]":
    def start(**variables: str) -> TestClient:
        environment = {
            "MLOPS_MODEL_PATH": str(saved),
            "MLOPS_POLL_SECONDS": "0.05",
            "MLOPS_MODEL_CACHE": str(saved.parent / "cache"),
            "MLOPS_ADMIN_TOKEN": "s3cret",
            **variables,
        }
        app = create_app(Settings.from_environment(environment))
        app.state.service.online.known, app.state.service.online._documents = None, shelf
        return TestClient(app)

    return start


def reload(client: TestClient) -> Any:
    return client.post("/admin/reload", headers={"Authorization": "Bearer s3cret"})


def shown(client: TestClient, user: str = "ana", **query: Any) -> list[str]:
    answer = client.get(f"/recommendations/{user}", params=query)
    assert answer.status_code == 200, answer.text
    return [item["product_id"] for item in answer.json()["recommendations"]]


def v2(client: TestClient, user: str = "ana") -> list[str]:
    body = {"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": [user]}]}
    answer = client.post("/v2/models/recommender/infer", json=body).json()
    return [product for product in answer["outputs"][0]["data"] if product]


def test_what_a_rule_names_is_not_shown_from_the_next_look_on(served: Any, shelf: Shelf) -> None:
    with served() as client:
        reload(client)
        assert shown(client) == ["pan", "hat", "rug"]
        shelf.rule(reason="withdrawn", products={"pan"})
        reload(client)
        assert shown(client) == v2(client) == ["hat", "rug"]
        assert shown(client, "stranger") == ["cup", "hat", "rug"]
        similar = client.get("/products/cup/similar").json()["similar"]
        assert [item["product_id"] for item in similar] == ["hat"]
        assert client.get("/products/pan/similar").json()["similar"][0]["product_id"] == "cup", "what else, then"
        shelf.rule(categories={"garden"})
        reload(client)
        assert shown(client) == ["pan", "rug"]
        shelf.rule(least_price=30)
        reload(client)
        assert shown(client) == ["hat", "rug"], "what has no price is in no band"
        shelf.rule(categories={"kitchen"}, most_price=10)
        reload(client)
        assert shown(client, "stranger") == ["hat", "pan", "rug"]
        del shelf.held[RULES]
        reload(client)
        assert shown(client) == ["pan", "hat", "rug"]


def test_the_poll_alone_finds_a_rule(served: Any, shelf: Shelf) -> None:
    with served() as client:
        reload(client)
        shelf.rule(products={"pan"})
        for _ in range(200):
            if shown(client) == ["hat", "rug"]:
                break
            asyncio.run(asyncio.sleep(0.02))
        assert shown(client) == ["hat", "rug"]


def test_out_of_stock_is_shown_to_who_asks_for_it_and_withdrawn_to_nobody(served: Any, shelf: Shelf) -> None:
    with served() as client:
        for reason, asked in (("out_of_stock", ["pan", "hat", "rug"]), ("withdrawn", ["hat", "rug"])):
            shelf.rule(reason=reason, products={"pan"})
            reload(client)
            assert shown(client) == ["hat", "rug"]
            assert shown(client, in_stock="false") == asked


def test_a_request_is_answered_within_its_filters(served: Any, shelf: Shelf) -> None:
    with served() as client:
        reload(client)
        assert shown(client, category="kitchen") == ["pan"]
        assert shown(client, category=["kitchen", "garden"]) == ["pan", "hat"]
        assert shown(client, category="Kitchen") == shown(client, category="sofas") == []
        assert shown(client, min_price=10) == ["pan", "hat"]
        assert shown(client, max_price=20) == shown(client, min_price=20, max_price=20) == ["hat"]
        assert shown(client, category="kitchen", exclude="pan") == []
        asked = {"user_id": "ana", "category": ["kitchen", "garden"], "max_price": 30}
        answer = client.post("/invocations", json=asked).json()
        assert [item["product_id"] for item in answer["recommendations"]] == ["hat"]
        assert client.post("/invocations", json={**asked, "min_price": 31}).status_code == 422
        assert shown(client, "stranger", max_price=50, k=2) == ["cup", "hat"]
        for wrong in ("min_price=nan", "max_price=inf", "min_price=-1", "min_price=5&max_price=4", "category=",
                      "in_stock=maybe", "min_price=x", "&".join(["category=a"] * 21)):  # fmt: skip
            answer = client.get(f"/recommendations/ana?{wrong}")
            assert answer.status_code == 422, wrong
            assert answer.json()["detail"][0]["loc"][0] == "query"
        del shelf.held[CATALOGUE]
        reload(client)
        assert client.get("/recommendations/ana?category=kitchen").status_code == 409
        assert shown(client) == ["pan", "hat", "rug"]


@given(
    taken=st.lists(st.sampled_from(PRODUCTS), max_size=2, unique=True),
    categories=st.lists(st.sampled_from(["kitchen", "garden", "none"]), max_size=2),
    least=st.none() | st.floats(0, 60),
    most=st.none() | st.floats(0, 60),
    withdrawn=st.frozensets(st.sampled_from(PRODUCTS), max_size=3),
    in_stock=st.booleans(),
    sold_out=st.frozensets(st.sampled_from(PRODUCTS), max_size=3),
)
def test_a_mask_holds_what_fits_and_nothing_else(
    taken: list[str], categories: list[str], least: Any, most: Any, withdrawn: Any, in_stock: bool, sold_out: Any
) -> None:
    rules = [Rule(name="w", reason="withdrawn", products=withdrawn)] if withdrawn else []
    rules += [Rule(name="s", reason="out_of_stock", products=sold_out)] if sold_out else []
    table, _ = IdTable.build(PRODUCTS, "product")
    mask = Assortment.of(CATALOGUE_OF_ALL, Rules(rules=tuple(rules)), table).shown(
        Filters(categories, least, most, in_stock)
    )
    category = dict(zip(PRODUCTS, ("kitchen", "garden", "kitchen", None), strict=True))
    price = dict(zip(PRODUCTS, (3.0, 20.0, 45.0, None), strict=True))
    fits = [
        product
        for product in PRODUCTS
        if product not in withdrawn
        and not (in_stock and product in sold_out)
        and (not categories or category[product] in categories)
        and (least is None or (price[product] is not None and price[product] >= least))
        and (most is None or (price[product] is not None and price[product] <= most))
    ]
    assert [name for row, name in enumerate(PRODUCTS) if mask is None or mask[row]] == fits
    model = Model.popularity_only(["u"], PRODUCTS, csr_array((1, 4), dtype=np.float32), [4, 3, 2, 1])
    found = [item.product_id for item in model.recommend("u", 4, dict.fromkeys(taken, 1.0), (), mask)]
    assert found == [name for name in fits if name not in taken]


def test_who_does_not_know_what_is_withdrawn_does_not_answer(served: Any, shelf: Shelf) -> None:
    shelf.broken = True
    with served() as client:
        answer = reload(client)
        assert answer.status_code == 503
        assert RULES in answer.json()["problem"]
        assert "ana@example.com" not in answer.json()["problem"]
        assert client.get("/recommendations/ana").status_code == 503
        assert client.get("/v2/health/ready").status_code == 503
        shelf.broken = False
        assert reload(client).status_code == 200
        shelf.rule(products={"pan"})
        reload(client)
        shelf.broken = True
        assert reload(client).status_code == 200, "what it knows it goes on obeying"
        assert shown(client) == ["hat", "rug"]
    with served() as restarted:
        assert reload(restarted).status_code == 200, "and a restart does not forget it"
        assert shown(restarted) == ["hat", "rug"]


def test_a_restart_onto_a_damaged_document_obeys_what_was_known(served: Any, shelf: Shelf) -> None:
    shelf.rule(products={"pan"})
    with served() as client:
        reload(client)
    shelf.held[RULES] = b"{"
    with served() as client:
        assert reload(client).status_code == 200
        assert shown(client) == ["hat", "rug"]


def test_beside_a_folder_of_a_model_lies_what_is_told_with_it(saved: Path, shelf: Shelf) -> None:
    (saved.parent / "serving").mkdir()
    (saved.parent / CATALOGUE).write_bytes(shelf.held[CATALOGUE])
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": str(saved), "MLOPS_ADMIN_TOKEN": "s3cret"})
    with TestClient(create_app(settings)) as client:
        reload(client)
        assert shown(client, category="garden") == ["hat"]
        shelf.rule(categories={"garden"})
        (saved.parent / RULES).write_bytes(shelf.held[RULES])
        reload(client)
        assert shown(client) == ["pan", "rug"]


@pytest.mark.parametrize("key", [RULES, CATALOGUE, RECENT])
@pytest.mark.parametrize("data", [b"", b"{", b"null", b"PK\x03\x04 no zip", b'{"format": 2}', b"[" * 50_000])
def test_a_damaged_document_leaves_what_is_known(served: Any, shelf: Shelf, key: str, data: bytes) -> None:
    shelf.rule(products={"pan"})
    with served() as client:
        reload(client)
        shelf.held[key] = data
        answer = reload(client)
        assert answer.status_code == 200
        assert shown(client) == ["hat", "rug"]
        assert key in (answer.json()["problem"] or "") or data == b""


def test_what_did_not_change_costs_a_look_and_no_bytes(shelf: Shelf, tmp_path: Path, saved: Path) -> None:
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": str(saved), "MLOPS_MODEL_CACHE": str(tmp_path)})
    online = Online(settings, Metrics(), shelf)
    shelf.rule(products={"pan"})
    for _ in range(5):
        asyncio.run(online.refresh())
    assert shelf.given == 2


def test_what_another_replica_was_told_counts_here_from_the_next_look_on(served: Any, shelf: Shelf) -> None:
    with served() as client:
        reload(client)
        assert shown(client, "somebody new") == ["cup", "hat", "pan", "rug"]
        taken = csr_array(np.asarray([[3.0]], np.float32))
        shelf.held[RECENT] = RecentTable.of(["somebody new"], ["cup"], taken).packed()
        reload(client)
        assert shown(client, "somebody new") == ["pan", "hat", "rug"], "cup was bought, and pan goes with it"
        assert v2(client, "somebody new") == ["pan", "hat", "rug"]


def test_own_and_shared_memory_are_one() -> None:
    shared = RecentTable.of(["a", "b"], ["p", "q"], csr_array(np.asarray([[1.0, 2.0], [0.0, 3.0]], np.float32)))
    again = RecentTable.unpacked(shared.packed())
    recent = Recent()
    recent.add("a", "p", "purchase")
    recent.add("a", "r", "view")
    assert recent.of("a", again) == {"p": 3.0, "q": 2.0, "r": 1.0}
    assert recent.of("b", again) == {"q": 3.0}
    assert recent.of("c", again) == {}
    recent.forget(["a", "nobody"])
    assert recent.of("a") == {}


def test_the_same_content_is_the_same_bytes() -> None:
    rules = Rules(rules=(Rule(name="r", products=frozenset(map(str, range(50))), categories=frozenset("ab")),))
    assert Rules.read(rules.written()) == rules
    assert Rules.read(rules.written()).written() == rules.written()
    assert Catalogue.unpacked(CATALOGUE_OF_ALL.packed()).packed() == CATALOGUE_OF_ALL.packed()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "r"}, "a rule names products, categories or a price"),
        ({"name": "r", "least_price": 5, "most_price": 4}, "no price lies between 5 and 4"),
        ({"name": "../x", "products": ["p"]}, "name"),
        ({"name": "r", "products": [""]}, "products"),
        ({"name": "r", "least_price": float("nan")}, "least_price"),
        ({"name": "r", "products": ["p"], "reason": "bored"}, "reason"),
        ({"name": "r", "products": ["p"], "until": "tomorrow"}, "until"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        Rule.model_validate(rule)


def test_damaged_objects_are_told_in_one_sentence() -> None:
    with pytest.raises(RulesError, match=r"rules\.json is no document of rules: format"):
        Rules.read(b'{"format": 9}')
    with pytest.raises(ModelError, match=r"catalogue\.npz cannot be read"):
        Catalogue.unpacked(b"nothing")
    with pytest.raises(ModelError, match=r"recent\.npz has no users_blob"):
        RecentTable.unpacked(CATALOGUE_OF_ALL.packed())
