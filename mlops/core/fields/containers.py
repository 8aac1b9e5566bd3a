"""What a container is made of: its image, its command, its variables, the paths that it answers under, its rights.

Sources: the grammar of references in github.com/distribution/reference; Lambda developer guide, "Working with Lambda
environment variables", whose names are the narrowest of the places that run containers.
"""

import re
from typing import Annotated

from mlops.core.fields import Form
from mlops.core.fields.kubernetes import Image

_SECRET = re.compile(r"passw|secret|token|api_?key|credential|private_?key", re.IGNORECASE)
_FOLDER = "[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]*"


def _pinned(image: str) -> str | None:
    if "@sha256:" in image:
        return None
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        return f"{image} names no one image: give it a tag that stays, `{image.partition(':')[0]}:1.0.0`, or a digest"
    return None


def of_registry(image: str) -> bool:
    """Whether an image says which registry it lies in: else it is of the platform's own."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


WorkloadName = Annotated[
    str,
    Form(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "lower case letters, digits and hyphens, with a letter first and no hyphen last",
        most=20,
    ),
]
"""Name of a workload, which names of roles are made of; those have at most 64 characters."""
ContainerImage = Annotated[
    Image,
    Form(
        r"[^\s\"*?${}]+",
        "an image with a tag or digest: a repository of the platform's registry (`fraud:1.0.0`) or a whole reference",
        most=500,
        refuses=_pinned,
    ),
]
_PLAIN = r"[A-Za-z0-9._~:/@+=,;%&#()!|<>^'-]"
_PLAIN_SAYS = "words of letters, digits and `._~:/@+=,;%&#()!|<>^'-` with a space between them"

Argument = Annotated[str, Form(f"{_PLAIN}+(?: {_PLAIN}+)*", _PLAIN_SAYS, most=4096)]
"""One argument of a command."""


def _aws_own(name: str) -> str | None:
    if name.startswith(("AWS_", "LAMBDA_", "ECS_", "KUBERNETES_")):
        return f"{name} begins as variables do that the platform and AWS set themselves. Choose another name"
    return None


def _no_secret(name: str) -> str | None:
    if _SECRET.search(name):
        return (
            f"{name} sounds like a secret, and what is written here is read by everybody: put the value into AWS "
            "Secrets Manager and name it in `secrets`"
        )
    return _aws_own(name)


_NAME, _SAYS = "[A-Za-z][A-Za-z0-9_]*", "the name of a variable: a letter, then letters, digits and `_`"

PlainVariable = Annotated[str, Form(_NAME, _SAYS, most=200, refuses=_no_secret)]
"""Name of a variable whose value is no secret."""
SecretVariable = Annotated[str, Form(_NAME, _SAYS, most=200, refuses=_aws_own)]
"""Name of a variable that holds a secret."""
VariableValue = Annotated[str, Form(f"(?:{_PLAIN}+(?: {_PLAIN}+)*)?", f"empty, or {_PLAIN_SAYS}", most=2048)]
SecretKey = Annotated[
    str, Form("[A-Za-z0-9_.-]+", "a key of the secret's JSON document: letters, digits, `_`, `.` and `-`", most=200)
]
Folder = Annotated[
    str, Form(rf"{_FOLDER}(?:/{_FOLDER})*", "a folder of a zone of the lake, without slashes at its ends", most=300)
]
UrlPath = Annotated[str, Form(r"/[A-Za-z0-9._~/-]*", "a path that begins with `/`, `/health`", most=200)]
GrantWords = Annotated[
    str,
    Form(
        rf"(?:read|write|erase) storage/(?:raw|curated|features|artifacts)(?:/{_FOLDER})*"
        "|produce|consume|track|invoke|(?:read|write) features|log experiments|observe models|version data",
        "a right in plain words: `read`, `write` or `erase` and a zone of the lake or a folder of it (`read "
        "storage/curated`, `write storage/features/orders`), `produce` or `consume` events, `track` experiments, "
        "`invoke` or `observe models`, `read features` or `write features`, `log experiments`, `version data`",
        most=500,
    ),
]
