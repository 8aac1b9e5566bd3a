"""An exam: what users took before, and what they took later, which a model has to guess."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipelines.matrices import Csr, Interactions, Longs, popularity
from pipelines.metrics import PerUser, rank
from pipelines.similarity import Hyperparameters, learn
from recommender.manifest import Kind
from recommender.model import Model

_SEED = 11


def learnt_from(matrix: Csr, products: list[str], wanted: Hyperparameters, data_version: str = "") -> Model:
    """What a matrix of users by products teaches, without anybody's history: an exam brings those of its own day."""
    nobody = sparse.csr_array((0, len(products)), dtype=np.float32)
    similar = learn(matrix, wanted)
    return Model.collaborative(
        [], products, nobody, similar, popularity(matrix), data_version=data_version, half_life=wanted.half_life
    )


@dataclass(frozen=True, eq=False)
class Exam:
    """Users with what they took before, and what they took later."""

    users: list[str]
    products: list[str]
    before: Interactions
    later: list[tuple[str, ...]]
    """Never empty, and in the order of time."""
    moments: Longs
    """Places of what is asked among all events, in the order of the users and of their products."""

    @classmethod
    def of(cls, pairs: Interactions, most_users: int, learnt: Interactions | None = None) -> "Exam":
        """The exam that a snapshot's pairs make.

        Args:
            learnt: what the champion was trained from. Events that arrive late can put a pair that it learnt from
                among those held out today; such pairs are asked of nobody.
        """
        held = pairs.held_out()
        before = ~held
        if learnt is not None:
            held &= ~pairs.contains(learnt, ~learnt.held_out())
        return cls.asking(pairs, before, held, most_users)

    @classmethod
    def asking(
        cls, pairs: Interactions, before: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_], most_users: int
    ) -> "Exam":
        """Of users, at most so many, the pairs that they are known by and those that are asked for."""
        candidates = np.unique(pairs.user[held])
        if len(candidates) > most_users:
            candidates = np.sort(np.random.default_rng(_SEED).choice(candidates, most_users, replace=False))
        position = np.full(len(pairs.users), -1)
        position[candidates] = np.arange(len(candidates))
        later: list[list[str]] = [[] for _ in candidates]
        for user, product in zip(position[pairs.user[held]], pairs.product[held], strict=True):
            if user >= 0:
                later[user].append(pairs.products[product])
        return cls(
            users=[pairs.users[user] for user in candidates],
            products=pairs.products,
            before=pairs.of_users(candidates, before),
            later=[tuple(products) for products in later],
            moments=pairs.order[held & (position[pairs.user] >= 0)],
        )

    def sit(self, learnt: Model, kind: Kind, k: int) -> PerUser:
        """Ask what was learnt, with the histories of this exam; products it does not know it cannot recommend."""
        return rank(self.model(learnt, kind), self.users, self.later, k)

    def model(self, learnt: Model, kind: Kind) -> Model:
        """What was learnt, with the histories of this exam."""
        before = self.before.matrix(half_life=learnt.manifest.half_life)
        names = learnt.products.names(range(len(learnt.products)))
        place = {name: column for column, name in enumerate(names)}
        column = np.asarray([place.get(product, -1) for product in self.products], np.int64)
        rows = np.repeat(np.arange(len(self.users)), np.diff(before.indptr))
        columns = column[before.indices]
        known = columns >= 0
        history = sparse.csr_array(
            (before.data[known], (rows[known], columns[known])), shape=(len(self.users), len(names))
        )
        if kind == "popularity":
            return Model.popularity_only(self.users, names, history, learnt.popularity)
        similar = sparse.csr_array(
            (learnt.neighbours.data, learnt.neighbours.indices, learnt.neighbours.indptr),
            shape=(len(names), len(names)),
        )
        return Model.collaborative(self.users, names, history, similar, learnt.popularity)
