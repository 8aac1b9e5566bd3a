"""Combinations of modules in which every two that may stand beside one another meet."""

import itertools
from collections.abc import Mapping, Sequence

from allpairspy import AllPairs

from mlops.choice.modules import possible

Kinds = dict[str, str | None]


def covering(choices: Mapping[str, Sequence[str | None]]) -> list[Kinds]:
    """Few combinations of one kind a slot in which every possible pair occurs.

    Args:
        choices: slot -> its kinds, None for a slot that stays empty.
    """

    def fits(row: Sequence[str | None]) -> bool:
        return possible(dict(zip(choices, row, strict=False)))

    found: list[Kinds] = [
        dict(zip(choices, row, strict=True)) for row in AllPairs(list(map(list, choices.values())), filter_func=fits)
    ]
    met = {pair for row in found for pair in itertools.combinations(row.items(), 2)}
    for (one, kinds), (other, others) in itertools.combinations(choices.items(), 2):
        # A pair that the search gave up on goes into the first combination that takes it.
        for pair in itertools.product(kinds, others):
            wanted = {one: pair[0], other: pair[1]}
            if tuple(wanted.items()) not in met and possible(wanted):
                found += [row for row in ({**row, **wanted} for row in found) if possible(row)][:1]
    return found
