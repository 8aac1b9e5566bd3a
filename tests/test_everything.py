"""A stack with a module in every slot: planned, priced, judged, and with room for its pods."""

from functools import cache

from mlops.choice.modules import fullest, modules
from mlops.choice.trials import Trial, tried
from tests.platforms import ROOT


@cache
def everything() -> Trial:
    return tried(ROOT, "dev", fullest())


def test_every_slot_is_filled() -> None:
    assert {module.slot for module in modules()} <= fullest().keys()


def test_everything_has_a_price() -> None:
    assert list(everything().estimate.unpriced) == []
    assert everything().estimate.total


def test_everything_together_breaks_no_mandatory_rule() -> None:
    assert [(one.rule.id, one.name) for one in everything().report.blocking] == []


def test_the_pods_of_everything_find_room() -> None:
    assert everything().capacity.stuck == ()
