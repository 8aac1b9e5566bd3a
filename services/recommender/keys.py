"""Make an API key: `python -m recommender.keys NAME visitor|operator`.

The key is shown once, for whoever shall use it; the entry, which holds its hash, goes into MLOPS_API_KEYS.
"""

import argparse
import json
import secrets
import sys
from collections.abc import Sequence

from recommender.login_settings import SCOPES, LoginSettings, digest_of

_BYTES = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m recommender.keys", description="Make an API key.")
    parser.add_argument("name", help="who it is for: letters, digits, dots, hyphens; 64 at most")
    parser.add_argument("scope", choices=SCOPES)
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    options = parser.parse_args(arguments)
    key = secrets.token_urlsafe(_BYTES)
    entry = f"{options.name}:{options.scope}:{digest_of(key)}"
    try:
        LoginSettings.model_validate({"MLOPS_API_KEYS": entry})
    except ValueError:
        parser.error(f"{options.name!r} is no name: letters, digits, dots and hyphens, 64 at most")
    made = {"key": key, "entry": entry}
    text = json.dumps(made) if options.json else "\n".join(f"{name:<6}{value}" for name, value in made.items())
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
