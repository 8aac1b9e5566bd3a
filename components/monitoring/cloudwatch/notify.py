"""Runs in AWS Lambda: hands an alarm that CloudWatch sent to a topic on to PagerDuty or Slack.

Nothing but what the runtime brings. The key is read when it is needed and kept nowhere: `routes.json` beside this file
says, by topic, where it lies.
"""

import json
import urllib.request
from pathlib import Path
from typing import Any

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_SECONDS = 10


def handler(event: dict[str, Any], _context: object) -> None:
    """Hand on each message; raises where somebody did not take it, so that the topic sends it again."""
    routes: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("routes.json").read_text())
    for record in event["Records"]:
        alarm, topic = json.loads(record["Sns"]["Message"]), record["Sns"]["TopicArn"]
        for route in routes.get(topic, ()):
            secret = _secret(route["arn"], route["key"])
            if route["name"] == "pagerduty":
                _send(PAGERDUTY, pagerduty(alarm, secret))
            else:
                _send(secret, slack(alarm))


def pagerduty(alarm: dict[str, Any], key: str) -> dict[str, Any]:
    """An event of the Events API v2; the same alarm is one incident until it is over."""
    raised = alarm["NewStateValue"] == "ALARM"
    return {
        "routing_key": key,
        "event_action": "trigger" if raised else "resolve",
        "dedup_key": alarm["AlarmArn"],
        "payload": {
            "summary": f"{alarm['AlarmName']}: {alarm.get('AlarmDescription') or ''}"[:1024],
            "severity": "critical",
            "source": alarm["AlarmArn"],
            "custom_details": {"reason": alarm.get("NewStateReason")},
        },
    }


def slack(alarm: dict[str, Any]) -> dict[str, Any]:
    """A message of an incoming webhook."""
    mark = ":rotating_light:" if alarm["NewStateValue"] == "ALARM" else ":white_check_mark:"
    return {"text": f"{mark} *{alarm['AlarmName']}*\n{alarm.get('AlarmDescription') or ''}"}


def _secret(arn: str, key: str | None) -> str:
    import boto3  # type: ignore[import-not-found]  # the runtime's own

    text: str = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return str(json.loads(text)[key] if key else text).strip()


def _send(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            pass
    except OSError as error:
        # Its own text may hold the webhook's URL, which is the secret.
        raise RuntimeError(f"the message was not taken: {type(error).__name__}") from None
