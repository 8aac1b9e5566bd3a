"""Slots and their variants: found by their files, and loaded when they are chosen."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.settings import PlatformConfig
from mlops.core.module import SlotError, kind_of, slots, variant, variants

SLOTS = slots(PlatformConfig)


@pytest.mark.parametrize("slot", SLOTS)
def test_a_variant_is_found_by_its_kind_without_the_others(slot: str) -> None:
    for one in variants(SLOTS[slot]):
        assert variant(SLOTS[slot], kind_of(one)) is one
    assert variant(SLOTS[slot], "no-such-kind") is None


@pytest.mark.parametrize(
    ("given", "type_"),
    [
        ({"kind": "abacus"}, "union_tag_invalid"),
        ({"kind": 3}, "union_tag_invalid"),
        ({"kind": "../kafka"}, "union_tag_invalid"),
        ({}, "union_tag_not_found"),
        ("kafka", "model_attributes_type"),
        ([], "model_attributes_type"),
    ],
)
def test_what_names_no_variant_is_refused_as_a_union_refuses_it(given: object, type_: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlatformConfig.model_validate({"data_pipeline": given})
    assert [error["type"] for error in caught.value.errors()] == [type_]


def test_a_file_that_is_not_named_after_its_kind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a_slot"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from mlops.core.module import SlotConfig\nclass ASlotConfig(SlotConfig):\n    pass\n"
    )
    (folder / "brass.py").write_text(
        "from typing import Literal\nfrom a_slot import ASlotConfig\n"
        "class C(ASlotConfig):\n    kind: Literal['copper-wire'] = 'copper-wire'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    with pytest.raises(SlotError, match=r"Call the file copper_wire\.py, or the kind \"brass\""):
        variants(importlib.import_module("a_slot").ASlotConfig)


def test_a_variant_that_nobody_chooses_is_not_even_loaded() -> None:
    """However many there are, a stack pays at its start for those that it has."""
    code = """
import sys
from components.settings import PlatformConfig
PlatformConfig.model_validate({"data_pipeline": {"kind": "kinesis"}})
loaded = [name for name in sys.modules if name.startswith("components.data_pipeline.")]
assert loaded == ["components.data_pipeline.kinesis"], loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
