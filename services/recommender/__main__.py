"""Run the service: `python -m recommender`."""

import logging
import os
import sys

import uvicorn
from prometheus_client import disable_created_metrics

from recommender.app import create_app
from recommender.protocol import uvicorn_options
from recommender.settings import Settings, SettingsError

_GRACE_SECONDS = 20
"""For requests that are under way when the process is told to stop."""


def main() -> int:
    """Serve until told to stop; the exit code."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # Of libraries only what is wrong: at their finest they write down what is sent, and with it people.
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stdout
    )
    for name in ("recommender", "uvicorn"):
        logging.getLogger(name).setLevel(settings.log_level.upper())
    # A second series for every counter, which nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            workers=1,
            log_config=None,
            **uvicorn_options(settings.trusted_proxies),
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    raise SystemExit(main())
