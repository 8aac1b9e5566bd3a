"""What `pulumi up --policy-pack policies` runs: the rules at the levels of the stack's tier."""

import os
import sys
from pathlib import Path

# Python puts this folder first, where the pack's own modules would hide packages of the same names.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from pulumi_policy import PolicyPack  # noqa: E402

from policies import pack  # noqa: E402
from policies.exemptions import ExemptionError  # noqa: E402

try:
    made = pack.policies(pack.tier_of(os.environ), pack.own_exemptions())
except ExemptionError as error:
    sys.exit(str(error))
PolicyPack(name=pack.NAME, policies=made)
