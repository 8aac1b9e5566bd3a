"""How the tables name their sources."""


def file(path: str, commit: str) -> str:
    """A file of the Terraform provider that the Pulumi provider for AWS is built on."""
    return f"terraform-provider-aws internal/service/{path} at {commit}"


def words(text: str) -> frozenset[str]:
    """Property names, parted by spaces."""
    return frozenset(text.split())
