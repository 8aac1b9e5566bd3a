"""Personal data by kinds: what is found, what is left alone, and what of it reaches the lake."""

import re
from collections import Counter
from collections.abc import Callable

import phonenumbers
import pyarrow as pa
import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from pipelines import personal
from pipelines.personal import found, masked, shape
from recommender.pseudonyms import Pseudonyms
from tests.pipelines.shop import HEADER, PRODUCTS, Shop

WHEN = "2026-11-20T10:00:00Z"
# Faker's own checksums: the generator is another project's.
LOCALES = ("en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "sv_SE", "fi_FI", "pt_BR", "no_NO", "tr_TR", "nl_NL")
NATIONAL = ("en_US", "fr_FR", "it_IT", "pl_PL", "sv_SE", "fi_FI", "pt_BR", "da_DK", "no_NO", "tr_TR", "zh_CN", "ro_RO",
            "en_CA", "de_CH")  # fmt: skip
PUBLISHED = {
    # Test numbers that payment services publish, and the examples of the IBAN registry and of the national offices.
    "card": ("4111 1111 1111 1111", "5555555555554444", "3782 822463 10005", "30569309025904", "6011-1111-1111-1117",
             "3530111333300000"),
    "iban": ("GB29 NWBK 6016 1331 9268 19", "DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606",
             "MT84MALT011000012345MTLCAST001S", "NO93 8601 1117 947", "nl91abna0417164300"),
    "ip address": ("192.168.0.1", "8.8.8.8", "2001:db8::1", "fe80::1ff:fe23:4567:890a", "::ffff:192.0.2.128"),
    "phone": ("+1 212 555 0123", "+34600123123", "0044 20 7946 0958", "(212) 555-0123", "600 123 123"),
    "e-mail": ("ana@example.com", "a.b+c@mail.example.co.uk", "ana%40example.com", "アナ@例え.jp"),
    "national id": ("078-05-1121", "12345678Z", "X1234567L", "RSSMRA85T10A562S", "AB 12 34 56 C", "756.9217.0769.85"),
    # In parts, so that whoever looks for secrets in this repository finds none.
    "token": ("AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "sk_live_" + "4eC39HqLyjWDarj",
              ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "abc"))),
    "coordinates": ("40.416775, -3.703790", "40.4168N,-3.7038"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "examples"), PUBLISHED.items(), ids=list(PUBLISHED))
def test_published_examples_of_each_kind_are_found_alone_and_within_a_text(
    kind: str, examples: tuple[str, ...]
) -> None:
    for example in examples:
        assert found(example) == Counter({kind: 1}), example
        assert masked(f"before {example} after") == f"before [{kind}] after"
        assert masked(f"x,{example};y") == f"x,[{kind}];y"


@pytest.mark.parametrize("locale", LOCALES)
def test_what_another_project_makes_up_is_found(locale: str) -> None:
    fake = Faker(locale)
    fake.seed_instance(20)
    makers: list[Callable[[], str]] = [fake.email, fake.iban, fake.ipv4, fake.ipv6]
    makers += [fake.ssn] if locale in NATIONAL else []
    for make in makers:
        for value in {make() for _ in range(40)}:
            assert value not in masked(f"of {value} there"), (locale, make, value)
            assert re.search(personal._LIKELY, value), (locale, value)
    cards = {fake.credit_card_number() for _ in range(60)}
    assert not [card for card in cards if len(card) >= 14 and not found(card)]


def test_every_country_has_a_phone_number_that_is_found() -> None:
    form = phonenumbers.PhoneNumberFormat
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number(region)
        for written in (form.INTERNATIONAL, form.E164):
            number = phonenumbers.format_number(example, written)
            digits = sum(letter.isdigit() for letter in number)
            assert digits < 8 or found(f"call {number} now"), (region, number)


@pytest.mark.parametrize(
    "text",
    ["Cup", "iPhone 14 Pro 256 GB", "EAN 4006381333931", "ISBN 978-3-16-148410-0", "Lego 75192 (7541 pcs)",
     "10.5 x 20.25 cm", "A4 80g/m2 500 sheets", "p00012345", "v1.2.3", "12:30:45", WHEN, "2026-11-20 10:00:00",
     "1234567890", "Model 2017 2018 2019", "1,299.00 EUR", "100 200 300", "4111 1111 1111 1112", "@home", "a@b",
     "DE00370400440532013000", "999.999.999.999", "18-34", "55+"],
)  # fmt: skip
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert not found(text)
    assert masked(text) == text


@given(st.text(max_size=120))
def test_no_text_is_too_odd_and_masking_twice_changes_nothing(text: str) -> None:
    assert masked(masked(text)) == masked(text)
    assert (
        not set(shape(text)) & (set("123456789") | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        or "[" in text
        or any(word.lower() in personal._KEPT for word in re.findall(r"[^\W_]+", text))
    )


def test_pseudonyms_are_exact_stable_and_anothers_with_another_key() -> None:
    mine = Pseudonyms(b"key")
    names = ["AB1", "ab1", "1", "21", "Ana", "ana@example.com", "用户", ""]
    assert len({mine.of(name) for name in names}) == len(names)
    assert [mine.of(mine.of(name)) for name in names] == [mine.of(name) for name in names]
    assert not {mine.of(name) for name in names} & {Pseudonyms(b"other").of(name) for name in names}
    assert mine.of(" Ana ") == mine.of("Ana")


def test_nobody_is_in_clear_in_any_version_of_any_object_whatever_the_ids_are(shop: Shop) -> None:
    secrets = [example for examples in PUBLISHED.values() for example in examples] + ["Ana Pérez", "u0000001"]
    quoted = [f'"{secret}"' for secret in secrets]
    shop.drop(
        users="user_id,consent,age_band\n"
        + "".join(f"{who},true,\nx,true,{who}\n" for who in quoted[:-2])
        + "".join(f"{who},true,\n" for who in quoted[-2:]),
        products="product_id,name,category\n"
        + "".join(f"p{n},Card of {who},{who}\n" for n, who in enumerate(quoted[:-2])),
        events=HEADER
        + "".join(f"{who},{who},p1,view,{WHEN}\n" for who in quoted)
        + "".join(f"1,ana,{who},view,{WHEN}\n2,ana,p1,{who},{WHEN}\n" for who in quoted[:-2])
        + "".join(f"unreadable {who}\n3,{who},p1,view,never\n" for who in secrets),
    )
    taken = shop.ingest()
    shop.context().stream.put(
        {"event_id": who, "user_id": who, "product_id": "p1", "event_type": "view", "timestamp": WHEN}
        for who in secrets
    )
    taken = shop.ingest()
    assert set(PUBLISHED) <= set(taken.personal)
    assert {who: shop.naming(who) for who in secrets if shop.naming(who)} == {}


def test_erasure_takes_the_whole_id_and_nothing_but_it(shop: Shop) -> None:
    people = ["AB1", "ab1", "1", "21", "1.5", "Ana", "ana"]
    shop.drop(users="user_id,consent\n" + "".join(f"{who},true\n" for who in people), products=PRODUCTS,
              events=HEADER + "".join(f"e{who},{who},p1,view,{WHEN}\n" for who in people))  # fmt: skip
    shop.ingest()
    raw = shop.context().raw
    raw.lake.put("raw", "quarantine/x.jsonl", b'{"reason": "r", "row": "7,21,p1"}\n{"reason": "r", "row": "7,1,p1"}\n')
    for who in ("AB1", "1"):
        raw.forget(pa.array([raw.masker.pseudonyms.of(who)]))
    assert {row["user_id"] for row in shop.events()} == {shop.person(who) for who in ("ab1", "21", "1.5", "Ana", "ana")}
