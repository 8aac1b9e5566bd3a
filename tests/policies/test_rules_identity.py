"""What the rules say of IAM documents, roles and passwords."""

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import SECRET, UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import ACCOUNT, Case, allow, baseline, document, more, stacks, three, trusts
from tests.policies.support import judgements, verdict

POLICY = "aws:iam/policy:Policy"
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PASSWORDS = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
USER_POLICY = "aws:iam/userPolicy:UserPolicy"
OIDC = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks"}
GOOD_PASSWORDS = {
    "minimumPasswordLength": 14,
    "passwordReusePrevention": 24,
    "maxPasswordAge": 90,
    "requireSymbols": True,
    "requireNumbers": True,
    "requireUppercaseCharacters": True,
    "requireLowercaseCharacters": True,
}
NODE_ROLE = resource(ROLE, name="nodes")
WORKERS = resource(NODE_GROUP, name="workers", refers={"nodeRoleArn": [NODE_ROLE]})


def policy(*statements: dict[str, object]) -> dict[str, object]:
    return {"policy": document(*statements)}


def managed(name: object) -> dict[str, object]:
    return {"policyArn": f"arn:aws:iam::aws:policy/{name}"}


def attached(name: str) -> Node:
    inputs = {"policyArn": name if name == UNKNOWN else managed(name)["policyArn"]}
    return resource(ATTACHMENT, inputs, name="attached", refers={"role": [NODE_ROLE]})


def role(**inputs: object) -> Node:
    return resource(ROLE, inputs, outputs={"arn": f"arn:aws:iam::{ACCOUNT}:role/it"})


HALF_KNOWN = {"policy": {"Statement": [{"Effect": "Allow", "Action": UNKNOWN, "Resource": "*"}]}}

CASES: list[Case] = [
    *three(
        "iam-no-star-star",
        "everything on everything",
        POLICY,
        policy(allow("*")),
        policy(allow("s3:GetObject")),
        HALF_KNOWN,
    ),
    *three(
        "iam-no-service-wildcard",
        "a whole service everywhere",
        POLICY,
        policy(allow("s3:*")),
        policy(allow("s3:*", "arn:aws:s3:::lake")),
        HALF_KNOWN,
    ),
    *three(
        "iam-no-privilege-escalation",
        "passing any role",
        POLICY,
        policy(allow("iam:PassRole")),
        policy(allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/it")),
        {"policy": UNKNOWN},
    ),
    *three(
        "iam-kms-decrypt-limited",
        "decrypting with any key",
        POLICY,
        policy(allow(["kms:Describe*", "KMS:Decrypt"])),
        policy(allow("kms:Decrypt", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1")),
        {"policy": {"Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": UNKNOWN}]}},
    ),
    *three(
        "iam-no-admin-managed-policy",
        "an administrator",
        ATTACHMENT,
        managed("AdministratorAccess"),
        managed("ReadOnlyAccess"),
        {"policyArn": UNKNOWN},
    ),
    *three(
        "iam-trust-policy-limited",
        "trust in everybody",
        ROLE,
        trusts("*"),
        trusts({"Service": "backup.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        {"assumeRolePolicy": UNKNOWN},
    ),
    *stacks(
        "iam-password-policy",
        "short passwords",
        [resource(PASSWORDS, {**GOOD_PASSWORDS, "minimumPasswordLength": 8})],
        [resource(PASSWORDS, GOOD_PASSWORDS)],
        [resource(PASSWORDS, {**GOOD_PASSWORDS, "maxPasswordAge": UNKNOWN})],
    ),
    *stacks(
        "eks-node-role-ecr-read-only",
        "nodes that push images",
        [NODE_ROLE, WORKERS, attached("AmazonEC2ContainerRegistryFullAccess")],
        [NODE_ROLE, WORKERS, attached("AmazonEC2ContainerRegistryPullOnly")],
        [NODE_ROLE, WORKERS, attached(UNKNOWN)],
    ),
    more("iam-no-user-policies", Verdict.BROKEN, "refuses rights of one user", resource(USER_POLICY, {"user": "ada"})),
    more("iam-no-user-policies", Verdict.UNKNOWN, "does not decide yet", resource(USER_POLICY, {"user": UNKNOWN})),
    more("iam-no-user-policies", None, "has nothing to say without users"),
    more(
        "iam-no-static-access-keys",
        Verdict.BROKEN,
        "refuses an access key",
        resource("aws:iam/accessKey:AccessKey", {"user": "ci"}),
    ),
    more(
        "iam-no-static-access-keys",
        Verdict.UNKNOWN,
        "does not decide yet",
        resource("aws:iam/accessKey:AccessKey", {"user": UNKNOWN}),
    ),
    more("iam-no-static-access-keys", None, "has nothing to say without users"),
    more(
        "iam-no-star-star",
        Verdict.BROKEN,
        "refuses everything but a little",
        resource(POLICY, {"policy": document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})}),
    ),
    more(
        "iam-no-star-star",
        Verdict.BROKEN,
        "reads the documents within a role",
        resource(ROLE, {"inlinePolicies": [{"policy": document(allow("*"))}]}),
    ),
    more(
        "iam-no-star-star",
        Verdict.MET,
        "lets a denial of everything stand",
        resource(POLICY, {"policy": document({"Effect": "Deny", "Action": "*", "Resource": "*"})}),
    ),
    more("iam-no-star-star", Verdict.UNKNOWN, "does not read a secret document", resource(POLICY, {"policy": SECRET})),
    more(
        "iam-no-admin-managed-policy",
        Verdict.BROKEN,
        "reads the policies that a role names",
        resource(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/IAMFullAccess"]}),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.MET,
        "knows services that name no source",
        role(**trusts({"Service": "pods.eks.amazonaws.com"})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.BROKEN,
        "refuses a service on anybody's behalf",
        role(**trusts({"Service": "backup.amazonaws.com"})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.MET,
        "accepts the external id that Firehose sends",
        role(**trusts({"Service": "firehose.amazonaws.com"}, {"StringEquals": {"sts:ExternalId": ACCOUNT}})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.BROKEN,
        "refuses another account without a word agreed on",
        role(**trusts({"AWS": "arn:aws:iam::111111111111:root"})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.MET,
        "accepts the account itself",
        role(**trusts({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.MET,
        "accepts another account with a word agreed on",
        role(**trusts({"AWS": "111111111111"}, {"StringEquals": {"sts:ExternalId": "agreed"}})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.BROKEN,
        "refuses any service account of a cluster",
        role(**trusts(OIDC, {"StringEquals": {"oidc.eks:aud": "sts.amazonaws.com"}})),
    ),
    more(
        "iam-trust-policy-limited",
        Verdict.MET,
        "accepts one service account of a cluster",
        role(
            **trusts(
                OIDC,
                {"StringEquals": {"oidc.eks:aud": "sts.amazonaws.com", "oidc.eks:sub": "system:serviceaccount:a:b"}},
            )
        ),
    ),
    more("iam-password-policy", Verdict.BROKEN, "misses it where the stack owns the account", baseline()),
    more("iam-password-policy", None, "does not ask it of a stack that does not"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected


def test_a_finding_names_the_statement_that_is_wrong() -> None:
    bad = resource(POLICY, policy(allow("s3:GetObject"), allow("*")))
    (finding,) = judgements("iam-no-star-star", bad)
    assert finding.path == "policy"
    assert finding.message.startswith("Statement[1]: ")


def test_a_document_as_a_structure_is_read_like_one_as_text() -> None:
    structure = {"policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}
    assert verdict("iam-no-star-star", resource(POLICY, structure)) is Verdict.BROKEN


def test_roles_of_others_than_nodes_may_push_images() -> None:
    assert verdict("eks-node-role-ecr-read-only", NODE_ROLE, attached("AmazonEC2ContainerRegistryFullAccess")) is None
