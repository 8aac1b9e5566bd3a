"""Saving and loading: what comes back is what was saved, and what is damaged is refused with one sentence."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.manifest import stored
from recommender.model import Model, ModelError

ModelMaker = Callable[..., Model]


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("mmap", [True, False])
def test_a_loaded_model_answers_as_the_saved_one(make_tiny: ModelMaker, saved: Path, mmap: bool) -> None:
    loaded = Model.load(saved, mmap=mmap)
    for user in ("ana", "bo", "nobody"):
        assert loaded.recommend(user, 4) == make_tiny().recommend(user, 4)
    assert (loaded.version, loaded.kind, loaded.manifest.data_version) == ("1", "collaborative", "day-1")


def test_a_half_life_is_kept_and_one_that_is_none_is_refused(make_tiny: ModelMaker, tmp_path: Path) -> None:
    model = make_tiny()
    assert Model.load(model.save(tmp_path / "without")).manifest.half_life is None
    aged = replace(model, manifest=replace(model.manifest, half_life=10.0))
    assert Model.load(aged.save(tmp_path / "with")).manifest.half_life == 10.0
    for wrong in (0, -1.0, "10", True, float("nan")):
        edit_manifest(tmp_path / "with", half_life=wrong)
        with pytest.raises(ModelError, match="it must be above 0, or left out"):
            Model.load(tmp_path / "with")


def test_an_empty_model_can_be_saved_and_mapped(tmp_path: Path) -> None:
    Model.popularity_only([], [], csr_array((0, 0)), []).save(tmp_path)
    assert Model.verify(tmp_path).recommend("anybody", 3) == []


def test_the_arrays_of_a_mapped_model_stay_on_disk(saved: Path) -> None:
    base = Model.load(saved).interactions.data.base
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base).__name__ == "mmap"


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model: manifest\.json is missing"):
        Model.load(tmp_path)


def test_every_missing_file_is_named(saved: Path) -> None:
    for name in [path.name for path in saved.glob("*.npy")]:
        content = (saved / name).read_bytes()
        (saved / name).unlink()
        with pytest.raises(ModelError, match=f"{name} is missing"):
            Model.load(saved)
        (saved / name).write_bytes(content)


def test_another_format_version_is_refused(saved: Path) -> None:
    edit_manifest(saved, format_version=2)
    with pytest.raises(ModelError, match="has model format 2; this program reads 1"):
        Model.load(saved)


@pytest.mark.parametrize(("key", "library"), [("numpy", "numpy"), ("python", "Python")])
def test_another_major_version_of_what_wrote_it_is_refused(saved: Path, key: str, library: str) -> None:
    edit_manifest(saved, **{key: "9.1.0"})
    with pytest.raises(ModelError, match=f"was written with {library} 9.1.0"):
        Model.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "pickle"}, "does not describe a recommender model"),
        ({"kind": "oracle"}, "names kind 'oracle'"),
        ({"data_version": 3}, "has no text for data_version"),
        ({"files": None}, "does not list the model's files"),
        ({"files": {"x": {}}}, "does not list the model's files"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(saved: Path, changes: dict, message: str) -> None:
    edit_manifest(saved, **changes)
    with pytest.raises(ModelError, match=message):
        Model.load(saved)


def test_a_manifest_that_is_no_json_is_refused(saved: Path) -> None:
    (saved / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        Model.load(saved)


def test_a_file_that_was_cut_short_is_refused_at_once(saved: Path) -> None:
    os.truncate(saved / "popularity.npy", 130)
    with pytest.raises(ModelError, match=r"has 130 bytes where manifest\.json says 160"):
        Model.load(saved)


def test_a_single_changed_byte_is_found_by_verification(saved: Path) -> None:
    path = saved / "neighbours_data.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    Model.load(saved)
    with pytest.raises(ModelError, match="checksum"):
        Model.verify(saved)


def test_a_file_of_pickled_objects_is_never_unpickled(saved: Path) -> None:
    path = saved / "popularity.npy"
    np.save(path, np.array([print], object), allow_pickle=True)
    files = json.loads((saved / "manifest.json").read_text())["files"]
    edit_manifest(saved, files={**files, path.name: vars(stored(path))})
    with pytest.raises(ModelError, match="is not an array"):
        Model.load(saved)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("interactions_indices", np.array([0, 1, 99], np.int32), "points outside of 4 columns"),
        ("interactions_indptr", np.array([0, 5, 3], np.int64), "points outside"),
        ("interactions_indptr", np.array([0, 3], np.int64), "does not fit 2 rows"),
        ("interactions_data", np.array([1, np.nan, 1], np.float32), "not finite"),
        ("users_offsets", np.array([0, 3, 99], np.int64), "ids of users do not cover"),
        ("popularity", np.array([1.0]), "Popularity does not fit 4 products"),
        ("popular", np.array([0, 0, 1, 2], np.int32), "does not name every product once"),
        ("popular", np.array([0.5] * 4), "expected int32 in one"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(saved: Path, name: str, array: np.ndarray, message: str) -> None:
    path = saved / f"{name}.npy"
    np.save(path, array)
    files = json.loads((saved / "manifest.json").read_text())["files"]
    edit_manifest(saved, files={**files, path.name: vars(stored(path))})
    with pytest.raises(ModelError, match=message):
        Model.verify(saved)
