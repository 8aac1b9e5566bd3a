"""What Lambda holds, and what of a workload fits into it.

Source: Lambda developer guide, "Lambda quotas"; "Configure Lambda function memory" (a vCPU at 1,769 MB).
"""

import json

from components.base.workload import Shape
from mlops.core.fields.kubernetes import mebibytes

LEAST_MB, MOST_MB = 128, 10_240
"""Memory of a function."""
MOST_SCRATCH_GB = 10
"""Room below /tmp."""
MOST_SECONDS = 900
"""Longest call."""
MOST_API_SECONDS = 30
"""Longest call through an HTTP API (API Gateway quotas)."""
MOST_ENVIRONMENT = 4096
"""Bytes of all variables, as JSON: the API's refusal shows what it measured."""
TOLD = 1536
"""Bytes of these that are kept for what the platform tells a function: where the lake, the stream and the tracking
server are, and the secrets that lead there."""


def misfits(what: str, shape: Shape) -> tuple[str, ...]:
    """Why Lambda cannot run a workload, one sentence each."""
    found: list[str] = []
    memory = mebibytes(shape.memory)
    if not LEAST_MB <= memory <= MOST_MB or memory != int(memory):
        found.append(
            f"{what} asks for memory {shape.memory}, and a function has {LEAST_MB}Mi to {MOST_MB // 1024}Gi in "
            "whole Mi; choose as much, or a kind of serving with more"
        )
    if shape.scratch_gb > MOST_SCRATCH_GB:
        found.append(
            f"{what} asks for scratch_gb {shape.scratch_gb}, and a function has at most {MOST_SCRATCH_GB} GB below "
            "/tmp; use less"
        )
    if shape.foreign_image:
        found.append(
            f"{what} runs an image of another registry, and Lambda starts those of ECR alone: push it to the "
            "platform's and name it without a registry (`fraud:1.0.0`)"
        )
    environment = len(json.dumps(dict(shape.environment), separators=(",", ":")).encode())
    if environment > MOST_ENVIRONMENT - TOLD:
        found.append(
            f"{what} has an environment of {environment:,} bytes with its secrets' names, and a function holds "
            f"{MOST_ENVIRONMENT:,}, {TOLD:,} of them for what the platform tells it; shorten it to "
            f"{MOST_ENVIRONMENT - TOLD:,}, or keep long settings in one secret or in the lake and name that"
        )
    if shape.node_group:
        found.append(f"{what} names node group {shape.node_group}, and Lambda has no nodes; leave node_group out")
    return tuple(found)
