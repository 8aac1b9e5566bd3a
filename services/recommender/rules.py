"""Rules: which products may not be shown, whatever a model says.

One document that the loop's command writes and every recommender reads again and again, so that a recall does not wait
for a training.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

RULES = "serving/rules.json"
"""Where the document lies in the zone of artifacts."""
MOST_RULES = 500
MOST_PRODUCTS = 50_000
"""Named by one rule."""

Reason = Literal["withdrawn", "out_of_stock", "excluded"]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Id = Annotated[str, Field(min_length=1, max_length=256)]


class RulesError(Exception):
    """A document of rules cannot be used; the message says why in one sentence."""


class Rule(BaseModel):
    """Products that are not shown: those that fit everything which is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """By which it is changed and cleared."""
    reason: Reason = "excluded"
    """Out of stock, a request may ask for them all the same; otherwise none."""
    products: Annotated[frozenset[_Id], Field(max_length=MOST_PRODUCTS)] = frozenset()
    """Ids; empty leaves it to the rest."""
    categories: Annotated[frozenset[_Id], Field(max_length=1_000)] = frozenset()
    """Of the catalogue; empty leaves it to the rest."""
    least_price: Price | None = None
    """A product without a price is in no band."""
    most_price: Price | None = None
    set_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    @model_validator(mode="after")
    def _says_something(self) -> "Rule":
        if not (self.products or self.categories or self.banded):
            raise ValueError("a rule names products, categories or a price: one for everything is not meant")
        if self.least_price is not None and self.most_price is not None and self.least_price > self.most_price:
            raise ValueError(f"no price lies between {self.least_price:g} and {self.most_price:g}")
        return self

    @property
    def banded(self) -> bool:
        """Whether it is about prices."""
        return self.least_price is not None or self.most_price is not None


class Rules(BaseModel):
    """The document."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    format: Literal[1] = 1
    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> "Rules":
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise ValueError("two rules have one name")
        return self

    def with_rule(self, rule: Rule) -> "Rules":
        """The same with a rule more, in the place of the one of its name.

        Raises:
            RulesError: there are too many.
        """
        kept = tuple(known for known in self.rules if known.name != rule.name)
        if len(kept) >= MOST_RULES:
            raise RulesError(f"There are {len(kept)} rules, and {MOST_RULES} is the most: clear some first.")
        return Rules(rules=(*kept, rule))

    def without(self, names: Sequence[str]) -> "Rules":
        """The same without some."""
        return Rules(rules=tuple(rule for rule in self.rules if rule.name not in names))

    @classmethod
    def read(cls, data: bytes | None) -> "Rules":
        """The document's rules; none where there is no document.

        Raises:
            RulesError: it is not one.
        """
        if data is None:
            return cls()
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            issue = error.errors()[0]
            place = ".".join(map(str, issue["loc"])) or "document"
            raise RulesError(f"{RULES} is no document of rules: {place}: {issue['msg']}.") from None

    def written(self) -> bytes:
        """The document; the same bytes for the same rules."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        for rule in content.get("rules", ()):
            for name in ("products", "categories"):
                if name in rule:
                    rule[name] = sorted(rule[name])
        return (json.dumps({"format": self.format, **content}, indent=1, ensure_ascii=False) + "\n").encode()
