"""Attribution: what users did with what they were shown, by the version that chose it.

The unit is a user, because that is what versions are given to: answers to one person are not independent. A user counts
once the time after the first answer of this step is over, and is a success where, within it, something that had been
shown before was taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import impressions
from pipelines.raw import RawLake
from pipelines.schema import WEIGHTS
from recommender.release import Outcome

CHAMPION, CHALLENGER, SHADOW = "champion", "challenger", "shadow"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Of which answers is asked."""

    trial: str
    """Version on trial."""
    percent: float
    since: datetime
    """When the step began."""
    outcome: Outcome
    window: timedelta
    paired: bool = False
    """Whether each user has both versions, as in a shadow."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What became of the users of one version."""

    answers: int = 0
    users: int = 0
    """Whose time is over."""
    successes: int = 0
    waiting: int = 0
    """Users whose time is not over."""

    @property
    def rate(self) -> float | None:
        """Share of the users with success; None without any."""
        return self.successes / self.users if self.users else None


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What became of all."""

    arms: Mapping[str, Arm]
    only: Mapping[str, int]
    """Successes of an arm's that were none of another arm's: differs only in a shadow, where each user has both."""


def outcomes(raw: RawLake, asked: Slice, now: datetime) -> Outcomes:
    """Count users by arm."""
    entered, answers = _entered(raw, asked)
    if not answers:
        return Outcomes(arms={}, only={})
    over = entered[entered["first"] <= pd.Timestamp(now - asked.window)]
    won = _successes(raw, asked, over)
    both = won.groupby("user_id")["arm"].nunique() if len(won) else pd.Series(dtype="int64")
    arms, only = {}, {}
    for arm in sorted(answers):
        # A shadow has the users of the champion whom it was compared on.
        of_arm = entered[f"has_{arm}"]
        successes = won.loc[won["arm"] == arm, "user_id"]
        users = int(over[f"has_{arm}"].sum())
        arms[arm] = Arm(answers=answers[arm], users=users, successes=len(successes), waiting=int(of_arm.sum()) - users)
        only[arm] = int((both.reindex(successes) == 1).sum())
    return Outcomes(arms=arms, only=only)


def _entered(raw: RawLake, asked: Slice) -> tuple[pd.DataFrame, dict[str, int]]:
    """First answer of every user, and which arms the user has; how many answers each arm gave."""
    parts: list[pd.DataFrame] = []
    answers: dict[str, int] = {}
    for shown in _shown(raw, asked, ["request", "user_id", "timestamp", "arm", "trial", "percent"]):
        frame = shown.select(["user_id", "timestamp", "arm"]).to_pandas()
        for arm, count in frame["arm"].value_counts().items():
            answers[str(arm)] = answers.get(str(arm), 0) + int(count)
        parts.append(frame.groupby(["user_id", "arm"], as_index=False)["timestamp"].min())
    if not answers:
        return pd.DataFrame(), {}
    firsts = pd.concat(parts).groupby(["user_id", "arm"])["timestamp"].min().unstack()
    if not asked.paired:
        # Who was given both, by a share that changed meanwhile, has the first.
        earliest = firsts.idxmin(axis=1)
        firsts = firsts.where(firsts.columns.to_numpy() == earliest.to_numpy()[:, None])
    entered = pd.DataFrame({f"has_{arm}": firsts[arm].notna() for arm in firsts.columns})
    entered["first"] = firsts.min(axis=1)
    return entered, answers


def _successes(raw: RawLake, asked: Slice, over: pd.DataFrame) -> pd.DataFrame:
    """Pairs of user and arm with success."""
    taken = _taken(raw, asked)
    found: list[pd.DataFrame] = []
    # Who took nothing has no success: very many rows less.
    users = pa.array(over.index.intersection(pd.Index(taken["user_id"])), pa.string())
    for shown in _shown(raw, asked) if len(over) and len(taken) else ():
        rows = shown.filter(pc.is_in(shown["user_id"], value_set=users))
        frame = rows.select(["user_id", "arm", "timestamp", "products"]).to_pandas().explode("products")
        frame = frame.merge(taken, left_on=["user_id", "products"], right_on=["user_id", "product_id"])
        if not len(frame):
            continue
        first = over["first"].reindex(frame["user_id"]).to_numpy()
        end = pd.to_datetime(pd.Series(first, index=frame.index), utc=True) + asked.window
        frame = frame[(frame["taken"] >= frame["timestamp"]) & (frame["taken"] <= end)]
        given = pd.Series(False, index=frame.index)
        for arm in frame["arm"].unique():
            given |= (frame["arm"] == arm) & over[f"has_{arm}"].reindex(frame["user_id"]).to_numpy()
        found.append(frame.loc[given, ["user_id", "arm"]].drop_duplicates())
    return pd.concat(found).drop_duplicates() if found else pd.DataFrame({"user_id": [], "arm": []}, dtype="str")


def _shown(raw: RawLake, asked: Slice, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Answers of the step, hour by hour; in a shadow those that were compared."""
    for table in impressions.since(raw.lake, asked.since, columns):
        wanted = pc.and_(pc.equal(table["trial"], asked.trial), pc.equal(table["percent"], asked.percent))
        table = table.filter(pc.and_(wanted, pc.greater_equal(table["timestamp"], pa.scalar(asked.since))))
        if asked.paired:
            shadows = pc.equal(table["arm"], SHADOW)
            pairs = [table.filter(shadows)["request"], table.filter(pc.invert(shadows))["request"]]
            for requests in pairs:
                table = table.filter(pc.is_in(table["request"], value_set=requests.combine_chunks()))
        yield table


def _taken(raw: RawLake, asked: Slice) -> pd.DataFrame:
    """What users did since that counts as success."""
    kinds = pa.array([kind for kind, weight in WEIGHTS.items() if weight >= WEIGHTS[asked.outcome]])
    parts = []
    for batch in raw.batches():
        if not batch.newest or datetime.fromisoformat(batch.newest) < asked.since:
            continue
        for key in raw.parts(batch.name):
            table = raw.lake.get_table("raw", key, ["user_id", "product_id", "event_type", "timestamp"])
            wanted = pc.and_(
                pc.is_in(table["event_type"], value_set=kinds),
                pc.greater_equal(table["timestamp"], pa.scalar(asked.since)),
            )
            parts.append(table.filter(pc.fill_null(wanted, False)).select(["user_id", "product_id", "timestamp"]))
    if not parts:
        return pd.DataFrame({"user_id": [], "product_id": [], "taken": []})
    found: pd.DataFrame = pa.concat_tables(parts).rename_columns(["user_id", "product_id", "taken"]).to_pandas()
    return found
