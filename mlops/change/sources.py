"""How the tables write lists of names."""


def words(text: str) -> frozenset[str]:
    """Property names, parted by spaces."""
    return frozenset(text.split())
