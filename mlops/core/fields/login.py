"""What OpenID Connect providers call themselves, their clients, and groups of people."""

from typing import Annotated

from mlops.core.fields import Form

IssuerUrl = Annotated[
    str,
    Form(
        r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*",
        "an https:// address without a query, as the provider names itself",
        most=500,
    ),
]
ClientId = Annotated[
    str,
    Form("[A-Za-z0-9._~:/@+=-]+", "the client's id: letters, digits and `._~:/@+=-`", most=255),
]
EmailDomain = Annotated[
    str,
    Form(
        r"\*|\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
        "`*`, or a domain such as `example.com`; `.example.com` stands for all below it",
        most=253,
    ),
]
LoginGroup = Annotated[
    str,
    Form(
        r"[\p{L}\p{N}](?:[\p{L}\p{N} _.:/@#+=()-]*[\p{L}\p{N})])?",
        "the name of a group: letters, digits, spaces and `_.:/@#+=()-`; a comma would make two groups of it",
        most=255,
    ),
]
