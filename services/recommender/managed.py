"""An MLflow server that SageMaker runs: its address is an ARN, and every request to it is signed.

The same REST API answers in the region; a header names the server. That spares the image MLflow and its plugin.
Source: github.com/aws/sagemaker-mlflow 0.5.0 (host, header, and the service that is signed for), which the tests hold
this against.
"""

from collections.abc import Generator, Mapping
from hashlib import sha256
from typing import Any

import httpx

PREFIX = "arn:aws:sagemaker:"
_HEADER = "x-mlflow-sm-tracking-server-arn"
_SERVICE = "sagemaker-mlflow"


def connection(arn: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where the server with this ARN answers and how requests to it are made, for httpx.

    SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT, which the plugin reads as well, names another address.
    """
    region = arn.split(":")[3]
    address = environment.get("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT") or f"https://{region}.experiments.sagemaker.aws"
    return {"base_url": address.rstrip("/"), "headers": {_HEADER: arn}, "auth": Signed(region)}


class Signed(httpx.Auth):
    """Signs each request with the credentials that AWS's own chain finds: a pod's, a task's, a function's."""

    requires_request_body = True

    def __init__(self, region: str) -> None:
        import boto3
        from botocore.auth import SigV4Auth

        self._credentials = boto3.Session().get_credentials()
        self._signer: Any = SigV4Auth(self._credentials, _SERVICE, region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx.Auth."""
        from botocore.awsrequest import AWSRequest

        # What a proxy or the client itself may change on the way is not signed.
        headers = {name: value for name, value in request.headers.items() if name in ("content-type", _HEADER)}
        headers["X-Amz-Content-SHA256"] = sha256(request.content).hexdigest()
        # SigV4 writes a space as %20, httpx as +.
        url = str(request.url).replace("+", "%20")
        signed: Any = AWSRequest(method=request.method, url=url, data=request.content, headers=headers)
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        request.url = httpx.URL(url)
        yield request
