"""How people log in: OpenID Connect providers, as settings name them."""

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
