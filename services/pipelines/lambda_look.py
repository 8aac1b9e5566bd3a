"""The loop's worker on AWS Lambda: woken for one look after another.

Lambda's runtime API hands out a call, the worker looks once, and the outcome is the answer. One copy at a time is the
platform's to see to (reserved concurrency); a look that takes more than fifteen minutes is cut off, and the next one
begins anew from what lies in the buckets.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import json
from collections.abc import Callable

_RUNTIME = "/2018-06-01/runtime"


def looks(address: str, look: Callable[[], str], calls: int | None = None) -> None:
    """Look once for each call of the runtime API at host:port: for ever, or as many as given.

    A look never raises: its outcome says what became of it, and a failed one is answered as an error, so that it counts
    among the function's.
    """
    connection = http.client.HTTPConnection(address)
    while calls is None or calls > 0:
        connection.request("GET", f"{_RUNTIME}/invocation/next")
        taken = connection.getresponse()
        taken.read()
        path = f"{_RUNTIME}/invocation/{taken.headers['Lambda-Runtime-Aws-Request-Id']}"
        outcome = look()
        if outcome in {"failed", "crashed"}:
            _post(connection, f"{path}/error", {"errorType": outcome, "errorMessage": "The look is in the log."})
        else:
            _post(connection, f"{path}/response", {"outcome": outcome})
        if calls is not None:
            calls -= 1


def _post(connection: http.client.HTTPConnection, path: str, answer: dict[str, str]) -> None:
    connection.request("POST", path, json.dumps(answer), {"Content-Type": "application/json"})
    connection.getresponse().read()
