"""What people hand in, and what of it reaches the lake."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipelines import typed
from pipelines.errors import InputError, ServiceError
from pipelines.generator import Generated
from pipelines.loop import Context
from pipelines.quality import QualityRules
from pipelines.reject import reject
from tests.pipelines.shop import END, HEADER, NOW, PRODUCTS, USERS, Shop, made

WHEN = "2026-11-20T10:00:00Z"


def test_everything_of_consenting_users_arrives_once_from_files_and_stream(shop: Shop) -> None:
    generated = made(events=1_500)
    half = Generated(users=generated.users, products=generated.products, events=generated.events.slice(0, 1_000))
    shop.fill(half)
    shop.context().stream.put(generated.events.slice(1_000).to_pylist())
    taken = shop.ingest()
    consenting = set(generated.users.filter(generated.users["consent"])["user_id"].to_pylist())
    wanted = [row for row in generated.events.to_pylist() if row["user_id"] in consenting]
    assert len({row["event_id"] for row in shop.events()}) == taken.rows == len(wanted)
    assert {(row["user_id"], row["product_id"], row["timestamp"]) for row in shop.events()} == {
        (shop.person(row["user_id"]), row["product_id"], row["timestamp"]) for row in wanted
    }
    assert sum(batch.without_consent for batch in taken.batches) == 1_500 - len(wanted)
    assert (taken.users, taken.products) == (100, 50)


def test_a_second_ingest_takes_only_what_is_new(shop: Shop) -> None:
    shop.fill(made(events=300))
    first = shop.ingest()
    assert shop.ingest() == first
    shop.context().stream.put([{"event_id": "n", "user_id": "u0000000", "product_id": "p00000",
                                "event_type": "view", "timestamp": WHEN}])  # fmt: skip
    assert shop.ingest().rows == first.rows + 1


def test_the_same_file_again_and_a_replayed_stream_change_nothing(shop: Shop) -> None:
    generated = made(events=300)
    for _ in range(2):
        shop.fill(generated)
        shop.context().stream.put(generated.events.to_pylist())
        shop.ingest()
    assert len({row["event_id"] for row in shop.events()}) == shop.validate().snapshot.rows


def test_no_email_address_reaches_the_lake_and_equal_ones_stay_equal(shop: Shop) -> None:
    twins = "user_id,email,consent\na,Same@Example.com,yes\nb, same@example.com ,yes\nc,other@example.com,yes\n"
    shop.drop(users=twins, products=PRODUCTS, events=HEADER + f"1,a,p1,view,{WHEN},me@example.com\n")
    shop.ingest()
    assert not [name for name, body in shop.objects() if b"example.com" in body.lower()]
    masked = {row["user_id"]: row["email_hash"] for row in shop.context().raw.users().to_pylist()}
    assert masked[shop.person("a")] == masked[shop.person("b")] != masked[shop.person("c")]


def test_the_masking_salt_must_be_given_where_s3_is_the_cloud(shop: Shop) -> None:
    in_the_cloud = replace(shop.settings, endpoint_url=None)
    with pytest.raises(InputError, match="MLOPS_PII_SALT"):
        _ = Context(in_the_cloud, shop.context().options, "run").raw


def test_events_past_retention_are_refused_and_old_batches_go(shop: Shop) -> None:
    shop.drop_events(f"1,ana,p1,view,{WHEN}", "2,ana,p1,view,2020-01-01T00:00:00Z")
    taken = shop.ingest()
    assert (taken.rows, taken.batches[0].expired) == (1, 1)
    shop.now = NOW + timedelta(days=800)
    assert shop.ingest().batches == ()
    assert shop.events() == []


def test_malformed_rows_are_put_aside_counted_and_kept_for_a_look(shop: Shop) -> None:
    shop.drop_events(
        f"1,ana,p1,view,{WHEN}",
        "too,few",
        f"2,ana,p1,view,{WHEN},one,too,many,mail@example.com",
        "3,ana,p1,view,yesterday",
        f"4,bo,p2,cart,{WHEN}",
    )
    taken = shop.ingest()
    assert (taken.rows, taken.quarantined) == (2, 3)
    raw = shop.context().raw
    kept = [json.loads(line) for line in raw.lake.need("raw", raw.lake.keys("raw", "quarantine/")[0]).splitlines()]
    assert {row["reason"] for row in kept} >= {"timestamp cannot be read"}
    assert any("[e-mail]" in row["row"] for row in kept)


POISON = (
    b"not json",
    b"[1]",
    b'{"user_id": "ana"}',
    b"\xff\xfe",
    b'"x"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 10_000,
    *(
        b'{"user_id": %s, "product_id": "p1", "event_type": "view", "timestamp": %s}' % (user, moment)
        for user, moment in (
            (b'"\\ud800"', b'"2026-11-20"'),
            (b'{"id": 1}', b'"2026-11-20"'),
            (b"[[]]", b'"2026-11-20"'),
            (b'"ana"', b'"9999-12-31T23:59:59Z"'),
            (b'"ana"', b'"0001-01-01"'),
            (b'"ana"', b"253402300799"),
            (b'"ana"', b"99999999999999999999"),
            (b'"ana"', b"-62135596800"),
            (b'"ana"', b"1e400"),
            (b'"ana"', b"NaN"),
            (b'"ana"', b"true"),
            (b'"ana"', b'{"$date": 1}'),
            (b'"ana"', b'"2026-13-45"'),
            (b'"ana"', b'"202611201000"'),
            (b'"ana"', b'"\\u0000"'),
        )
    ),
)


def test_no_record_stops_the_stream_and_each_is_counted_once(shop: Shop) -> None:
    shop.drop(users=USERS, products=PRODUCTS)
    client = shop.context().stream._client
    for data in POISON:
        client.put_record(StreamName=shop.settings.stream, Data=data, PartitionKey="x")
    shop.context().stream.put([{"user_id": "ana", "product_id": "p1", "event_type": "view", "timestamp": WHEN}])
    taken = shop.ingest()
    assert (taken.rows, taken.quarantined) == (1, len(POISON))
    assert taken.batches[0].delivered == len(POISON) + 1
    assert shop.ingest() == taken, "the position moved"


def test_an_unforeseen_record_costs_itself_and_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = typed.events

    def fragile(chunk: pa.Table, *rest: Any, **named: Any) -> pa.Table:
        if "boom" in chunk["product_id"].to_pylist():
            raise ZeroDivisionError
        return real(chunk, *rest, **named)

    monkeypatch.setattr(typed, "events", fragile)
    rows = [f"{number},ana,{'boom' if number in (7, 40) else 'p1'},view,{WHEN}" for number in range(50)]
    shop.drop_events(*rows, "odd,ana,p1,view,never")
    batch = shop.ingest().batches[0]
    assert (batch.rows, batch.quarantined) == (48, 3)
    assert batch.reasons == {"cannot be converted: ZeroDivisionError": 2, "timestamp cannot be read": 1}


@pytest.mark.parametrize(
    ("timestamp", "read"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T12:00:00+02:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20 10:00:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("1795168800", "2026-11-20T10:00:00+00:00"),
        ("1795168800.5", "2026-11-20T10:00:00.500000+00:00"),
        ("1795168800000", "2026-11-20T10:00:00+00:00"),
        ("1795168800000000", "2026-11-20T10:00:00+00:00"),
        ("1795168800000000000", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20 10:00:00 UTC", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T10:00:00gmt", "2026-11-20T10:00:00+00:00"),
        ('"2026-11-20 10:00:00,250"', "2026-11-20T10:00:00.250000+00:00"),
        ("20261120", "2026-11-20T00:00:00+00:00"),
        ("20261120T100000Z", "2026-11-20T10:00:00+00:00"),
        ("20261120100000", "2026-11-20T10:00:00+00:00"),
        ("20261120100000125", "2026-11-20T10:00:00.125000+00:00"),
    ],
)
def test_timestamps_are_read_in_every_common_form(shop: Shop, timestamp: str, read: str) -> None:
    shop.drop_events(f"1,ana,p1,view,{timestamp}")
    shop.ingest()
    assert [row["timestamp"].isoformat() for row in shop.events()] == [read]


def test_semicolons_a_byte_order_mark_and_windows_line_ends_are_read(shop: Shop) -> None:
    text = f"\ufeffuser_id;product_id;event_type;timestamp\r\nana;p1;VIEW;{WHEN}\r\nbo;p2; cart ;{WHEN}\r\n"
    shop.drop(users=USERS, products=PRODUCTS, events=text)
    assert shop.ingest().rows == 2
    assert sorted(row["event_type"] for row in shop.events()) == ["cart", "view"]


def test_any_alphabet_works_and_lines_that_are_not_utf8_are_put_aside(shop: Shop) -> None:
    users = "user_id,consent\nÅsa 🦊,true\n用户,true\n"
    products = "product_id,name,category\nчашка,Чашка,кухня\n"
    events = HEADER + f"1,Åsa 🦊,чашка,view,{WHEN}\n2,用户,чашка,cart,{WHEN}\n"
    shop.drop(users=users, products=products, events=events.encode() + b"3,\xff\xfe,x,view," + WHEN.encode() + b"\n")
    taken = shop.validate(QualityRules(least_score=0.5))
    assert taken.snapshot.rows == 2
    assert taken.quality.unreadable == 1
    assert {row["user_id"] for row in shop.events()} == {shop.person("Åsa 🦊"), shop.person("用户")}


def test_events_without_ids_get_one_from_their_content(shop: Shop) -> None:
    row = f"ana,p1,view,{WHEN}\n"
    events = "user_id,product_id,event_type,timestamp\n" + row + row + f"bo,p1,view,{WHEN}\n"
    shop.drop(users=USERS, products=PRODUCTS, events=events)
    found = shop.validate()
    assert (found.snapshot.rows, found.quality.duplicates) == (2, 1)


def test_events_alone_are_enough_where_consent_was_settled_elsewhere(shop: Shop) -> None:
    shop.drop(events=HEADER + f"1,ana,p1,view,{WHEN}\n2,bo,p9,view,{WHEN}\n")
    found = shop.validate(assume_consent=True)
    assert (found.snapshot.rows, found.snapshot.users, found.snapshot.products) == (2, 2, 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("events", "", "empty"),
        ("events", "a,b\n1,2\n", "no column user_id, product_id, event_type, timestamp"),
        ("clicks", HEADER, "must start with users, products or events"),
        ("users", "name\nana\n", "no column user_id"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_it_is_uploaded(
    shop: Shop, name: str, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        shop.drop(**{name: text})
    assert not list(shop.objects())


def test_a_file_that_another_program_put_there_stops_ingest_until_it_is_rejected(shop: Shop) -> None:
    lake = shop.context().lake
    lake.put("raw", "inbox/x/events.parquet", b"no parquet")
    with pytest.raises(InputError, match="not a Parquet file"):
        shop.ingest()
    reject(shop.context().raw, "inbox/x/events.parquet")
    assert shop.ingest().rows == 0


def test_a_header_without_rows_is_no_error(shop: Shop) -> None:
    shop.drop(users="user_id,email,consent\n", products=PRODUCTS, events=HEADER)
    assert shop.ingest().rows == 0


def test_a_million_rows_are_taken_in(shop: Shop) -> None:
    shop.fill(made(users=20_000, products=500, events=1_000_000), parquet=True)
    taken = shop.ingest()
    assert taken.rows + taken.batches[0].without_consent == 1_000_000


def test_a_missing_bucket_or_stream_is_one_sentence(shop: Shop) -> None:
    nowhere = Shop(replace(shop.settings, bucket_raw="not-there"), shop.folder)
    with pytest.raises(ServiceError, match="not-there"):
        nowhere.ingest()
    nowhere = Shop(replace(shop.settings, stream="not-there"), shop.folder)
    with pytest.raises(ServiceError, match="Stream not-there"):
        nowhere.ingest()


def test_parquet_with_timestamps_is_taken_as_it_is(shop: Shop) -> None:
    generated = made(events=50)
    shop.fill(generated, parquet=True)
    shop.ingest()
    given = {(row["timestamp"], row["product_id"]) for row in generated.events.to_pylist()}
    taken = [(row["timestamp"], row["product_id"]) for row in shop.events()]
    assert taken
    assert set(taken) <= given
    assert max(given)[0] <= END
    assert pa.types.is_timestamp(generated.events.schema.field("timestamp").type)
