"""Recent: what users did since the model was trained, as far as this process was told, so that it counts at once.

In memory only, and for a day at most: a restart forgets it, and a replica knows what it was sent itself. What is to
last goes through the stream.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

_MOST_USERS = 20_000
_MOST_PRODUCTS = 50
"""Full, that is about 100 MB."""
_SECONDS = 86_400.0
WEIGHTS: Mapping[str, float] = {"view": 1.0, "cart": 2.0, "purchase": 3.0}
"""How strongly an event says that a user wants a product: what training takes them for."""


class Recent:
    """Products by user with the weight of the strongest event; who did something last is kept longest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users: OrderedDict[str, tuple[float, dict[str, float]]] = OrderedDict()

    def add(self, user: str, product: str, event_type: str) -> None:
        """Note an event."""
        _, products = self._users.pop(user, (0.0, {}))
        # Once more at the end: of many products the latest are kept.
        weight = max(products.pop(product, 0.0), WEIGHTS[event_type])
        products[product] = weight
        if len(products) > _MOST_PRODUCTS:
            del products[next(iter(products))]
        self._users[user] = (self._clock(), products)
        if len(self._users) > _MOST_USERS:
            self._users.popitem(last=False)

    def of(self, user: str) -> Mapping[str, float]:
        """What a user did lately."""
        at, products = self._users.get(user, (0.0, {}))
        return products if products and self._clock() - at <= _SECONDS else {}
