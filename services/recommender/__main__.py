"""Run the service: `python -m recommender`."""

import logging
import os
import sys

import uvicorn
from prometheus_client import disable_created_metrics

from recommender.app import create_app
from recommender.settings import Settings, SettingsError

KEEP_ALIVE_SECONDS = 75
"""Longer than any proxy in front keeps an idle connection (nginx 60 s, an ALB 60 s): whoever closes first must not
be the one that is still sent requests."""
_GRACE_SECONDS = 20
"""For requests that are under way when the process is told to stop."""


def main() -> int:
    """Serve until told to stop; the exit code."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    # One line a look at the registry would bury everything else.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # A second series for every counter, which nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            workers=1,
            loop="uvloop",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    raise SystemExit(main())
