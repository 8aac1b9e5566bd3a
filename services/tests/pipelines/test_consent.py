"""Consent: what is said stays until something else is said, and nothing is assumed over it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import typed
from pipelines.errors import GateError
from pipelines.privacy import Masker, PrivacyRules
from pipelines.quarantine import Quarantine
from pipelines.raw import merged
from pipelines.schema import USERS as USERS_SCHEMA
from tests.pipelines.shop import HEADER, PRODUCTS, Shop, made

WHEN = "2026-11-20T10:00:00Z"


def test_events_without_consent_are_not_kept_and_withdrawing_it_removes_what_is_there(shop: Shop) -> None:
    shop.drop_events(f"1,ana,p1,view,{WHEN}", f"2,bo,p1,view,{WHEN}", f"3,stranger,p1,view,{WHEN}")
    taken = shop.ingest()
    assert {row["user_id"] for row in shop.events()} == {shop.person("ana"), shop.person("bo")}
    assert taken.batches[0].without_consent == 1
    shop.drop(users="user_id,consent\nbo,false\n")
    shop.ingest()
    assert {row["user_id"] for row in shop.events()} == {shop.person("ana")}
    assert not [name for name in shop.naming(shop.person("bo")) if "/events/" in name]


def consents(shop: Shop) -> dict[str, bool | None]:
    """What the lake knows of consent."""
    return {row["user_id"]: row["consent"] for row in shop.context().raw.users().to_pylist()}


def test_what_a_file_of_users_leaves_out_stays_as_it_was(shop: Shop) -> None:
    shop.drop_events(f"1,ana,p1,view,{WHEN}", f"2,bo,p2,view,{WHEN}")
    shop.ingest()
    before = shop.context().raw.users().to_pylist()
    shop.drop(users="user_id\nana\nbo\n")
    shop.ingest()
    shop.drop(users="user_id,age_band,consent,email\nana,,,\nbo,NULL,None,\n", products="product_id\np1\np2\n")
    taken = shop.ingest()
    assert taken.rows == 2
    assert shop.context().raw.users().to_pylist() == before
    assert shop.context().raw.products().to_pylist()[0] == {
        "product_id": "p1", "name": "Cup", "category": "kitchen", "price": 3.5
    }  # fmt: skip


def test_only_a_clear_no_withdraws_and_what_is_unclear_is_put_aside(shop: Shop) -> None:
    names = ["no", "nein", "non", "Nej", "FALSE", "0", "0.0", "withdrawn", "нет", "いいえ"]
    others = ["yes", "Sí", "oui", "JA", "да", "1.0", "はい", "", "maybe", "x", "2"]
    header = "user_id,consent\n"
    shop.drop(users=header + "".join(f"u{number},true\n" for number in range(len(names + others))))
    shop.ingest()
    said = "".join(f"u{number},{word}\n" for number, word in enumerate(names + others))
    shop.drop(users=header + said)
    taken = shop.ingest()
    people = [shop.person(f"u{number}") for number in range(len(names + others))]
    assert consents(shop) == {who: number >= len(names) for number, who in enumerate(people)}
    assert [file.reasons for file in taken.deliveries if file.quarantined] == [{"consent is neither yes nor no": 3}]


def test_a_refusal_outlives_every_assumption(shop: Shop) -> None:
    shop.drop(users="user_id,consent\nana,false\nbo,\n", products=PRODUCTS,
              events=HEADER + f"1,ana,p1,view,{WHEN}\n2,bo,p1,view,{WHEN}\n3,cy,p1,view,{WHEN}\n")  # fmt: skip
    shop.ingest(assume_consent=True)
    assert consents(shop) == {shop.person("ana"): False, shop.person("bo"): True, shop.person("cy"): True}
    shop.drop(users="user_id\nana\ncy\n", events=HEADER + f"4,ana,p1,view,{WHEN}\n")
    shop.ingest(assume_consent=True)
    assert {row["user_id"] for row in shop.events()} == {shop.person("bo"), shop.person("cy")}


@given(
    files=st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["true", "false", "", None])), max_size=4),
        max_size=5,
    )
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_merged_users_know_the_last_thing_that_was_said_of_each(files: list[list[tuple[str, str | None]]]) -> None:
    masker = Masker(b"key")
    known, wanted = USERS_SCHEMA.empty_table(), dict[str, bool | None]()
    for rows in files:
        columns = {"user_id": [user for user, _ in rows], "consent": [said for _, said in rows]}
        chunk = pa.table(columns, schema=pa.schema([("user_id", pa.string()), ("consent", pa.string())]))
        known = merged(known, typed.users(chunk, Quarantine(), masker=masker), "user_id")
        for user, said in rows:
            who = masker.pseudonyms.of(user)
            wanted[who] = {"true": True, "false": False}.get(said or "", wanted.get(who))
    assert {row["user_id"]: row["consent"] for row in known.to_pylist()} == wanted


def test_a_file_that_would_delete_much_stops_and_says_what(shop: Shop) -> None:
    generated = made(events=2_000)
    shop.fill(generated)
    held = shop.ingest().rows
    names = generated.users["user_id"].to_pylist()
    shop.drop(users="user_id,consent\n" + "".join(f"{name},false\n" for name in names))
    with pytest.raises(GateError, match=f"of {held:,} events would be deleted") as caught:
        shop.ingest()
    assert "users.csv" in str(caught.value)
    assert len(shop.events()) == held
    assert shop.ingest(privacy=PrivacyRules(most_withdrawn_share=1.0)).rows == 0
