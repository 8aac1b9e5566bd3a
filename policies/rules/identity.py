"""IAM: nothing that may everything, nobody with a password, and trust with a condition."""

from collections.abc import Callable, Iterator

from mlops.plan.graph import Graph, Node
from policies.answers import all_of, any_of, as_list, is_true, is_unknown, missing, negated, rows
from policies.conditions import narrowed
from policies.documents import Statement, documents, statements
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.patterns import every_action, whole_service
from policies.references import referring, refers
from policies.registry import resource_rule, stack_rule
from policies.rules.ownership import owns_account_settings

ESCALATIONS = (
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "glue:UpdateDevEndpoint",
    "lambda:UpdateFunctionCode",
    "sts:AssumeRole",
)
"""Who may do one of these to any role, user or function may soon do everything. Source: the ways that cloudsplaining's
`PRIVILEGE_ESCALATION_METHODS` and Rhino Security Labs' list of IAM escalations have in common."""
DECRYPTIONS = ("kms:Decrypt", "kms:ReEncryptFrom")
ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess")
POLICY_ARNS = ("managedPolicyArns", "managedPolicyArn", "policyArn", "policyArns")
"""Where roles, permission sets and attachments name managed policies."""
SOURCES = ("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "sts:ExternalId")
"""Conditions that bind a service to the account on whose behalf it acts; Firehose sends the account as external id
(Firehose developer guide, "Grant Firehose access to an Amazon S3 destination")."""
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ROLE = "aws:iam/role:Role"
ROLES_OF = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role",
    "aws:iam/policyAttachment:PolicyAttachment": "roles",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "roleName",
}
"""What gives a role its policies, and the property that names the role."""

OWN_ACCOUNT_ONLY = frozenset(
    {"cloudtrail.amazonaws.com", "ec2.amazonaws.com", "lambda.amazonaws.com", "pods.eks.amazonaws.com"}
)
"""Services that take a role only from somebody of the role's account who may pass it to them, and that name no source
when they take it: a condition on it would lock them out. Sources: CloudTrail user guide, "Role policy document for
CloudTrail to use CloudWatch Logs" ("doesn't support the use of aws:SourceArn and aws:SourceAccount"); EKS user guide,
"Create IAM role with trust policy required by EKS Pod Identity"; IAM user guide, "Grant a user permissions to pass a
role to an AWS service"."""


def _judge_each(node: Node, wrong: Callable[[Statement], Answer], message: str) -> Iterator[Judgement]:
    """One judgement a document: the statement that is wrong, or the document that has none."""
    for path, found in documents(node):
        if found is None:
            yield say(node, path, None, message)
            continue
        answers = [(one.path, wrong(one)) for one in found]
        offender = next((one for one, answer in answers if answer), None)
        answer = negated(any_of(answer for _, answer in answers))
        where = offender.removeprefix(f"{path}.") if offender else ""
        yield say(node, path, answer, f"{where}: {message}")


@resource_rule("iam-no-star-star")
def nothing_may_everything(node: Node) -> Iterator[Judgement]:
    def wrong(statement: Statement) -> Answer:
        all_actions = bool(statement.all_but) or any_of(
            None if is_unknown(action) else every_action(action) for action in statement.actions
        )
        return all_of([statement.allows, all_actions, statement.everywhere])

    yield from _judge_each(node, wrong, "allows every action on every resource")


@resource_rule("iam-no-service-wildcard")
def no_whole_service(node: Node) -> Iterator[Judgement]:
    def wrong(statement: Statement) -> Answer:
        whole = any_of(None if is_unknown(action) else whole_service(action) for action in statement.actions)
        return all_of([statement.allows, whole, statement.for_a_whole_kind])

    yield from _judge_each(node, wrong, "allows every action of a service on every resource")


@resource_rule("iam-no-privilege-escalation")
def no_way_to_more_rights(node: Node) -> Iterator[Judgement]:
    def wrong(statement: Statement) -> Answer:
        return all_of([statement.permits(*ESCALATIONS), statement.for_a_whole_kind])

    yield from _judge_each(node, wrong, "allows to take or pass any role, and with it any right")


@resource_rule("iam-kms-decrypt-limited")
def decrypts_named_keys(node: Node) -> Iterator[Judgement]:
    def wrong(statement: Statement) -> Answer:
        return all_of([statement.permits(*DECRYPTIONS), statement.for_a_whole_kind])

    yield from _judge_each(node, wrong, "allows to decrypt with every key of the account")


@resource_rule("iam-no-admin-managed-policy")
def no_administrator(node: Node) -> Iterator[Judgement]:
    def harmless(arn: object) -> Answer:
        return None if is_unknown(arn) else str(arn).rpartition("/")[2] not in ADMINISTRATORS

    message = "has a managed policy that allows everything"
    path = next((one for one in POLICY_ARNS if look(node.inputs, one) is not ABSENT), POLICY_ARNS[0])
    yield say(node, path, all_of(map(harmless, as_list(look(node.inputs, path)))), message)


@resource_rule("iam-no-user-policies")
def no_rights_of_single_users(node: Node) -> Iterator[Judgement]:
    user = look(node.inputs, "user")
    yield say(node, "user", None if is_unknown(user) else False, "gives rights to one user; use a group or a role")


@resource_rule("iam-no-static-access-keys")
def no_lasting_credentials(node: Node) -> Iterator[Judgement]:
    user = look(node.inputs, "user")
    yield say(node, "user", None if is_unknown(user) else False, "makes a credential that does not expire")


@resource_rule("iam-trust-policy-limited")
def trusts_with_a_condition(node: Node) -> Iterator[Judgement]:
    path = "assumeRolePolicy"
    found = statements(look(node.inputs, path), path)
    if found is None:
        yield say(node, path, None, "")
        return
    own = str(node.outputs.get("arn", "")).split(":")
    problems = [problem for one in found if one.allows for problem in _trust_problems(one, own[4] if own[4:] else "")]
    yield say(node, path, False if any(problems) else None if problems else True, "; ".join(filter(None, problems)))


def _trust_problems(statement: Statement, account: str) -> Iterator[str | None]:
    """What is wrong with whom a statement trusts; None where it cannot be told."""
    if statement.for_anybody:
        yield "trusts everybody"
        return
    for kind, who in statement.principals:
        if is_unknown(who):
            yield None
            continue
        keys = _keys_wanted(kind, who, account)
        answer = all_of(narrowed(statement, wanted) for wanted in keys)
        if answer is None:
            yield None
        elif not answer:
            named = " and ".join(" or ".join(wanted) for wanted in keys)
            yield f"trusts {who} without a condition that limits {named}"


def _keys_wanted(kind: str, who: str, account: str) -> tuple[tuple[str, ...], ...]:
    """The condition keys that have to limit a principal: one of each group."""
    match kind.lower():
        case "service":
            return () if who in OWN_ACCOUNT_ONLY else (SOURCES,)
        case "federated":
            return (("*:sub",), ("*:aud",))
        case _:
            return (("sts:ExternalId", "aws:PrincipalOrgID"),) if _is_foreign(who, account) else ()


def _is_foreign(principal: str, account: str) -> bool:
    named = principal.split(":")[4] if principal.count(":") >= 5 else principal
    return named != account


@stack_rule("iam-password-policy")
def passwords_are_long_and_expire(graph: Graph) -> Iterator[Judgement]:
    found = graph.of_type("aws:iam/accountPasswordPolicy:AccountPasswordPolicy")
    if not found and owns_account_settings(graph):
        yield missing("the account has no password policy")
    for node in found:
        yield _number(
            node, "minimumPasswordLength", lambda length: length >= 14, "passwords may be under 14 characters"
        )
        yield _number(
            node, "passwordReusePrevention", lambda last: last >= 24, "one of the last 24 passwords may return"
        )
        yield _number(node, "maxPasswordAge", lambda days: 1 <= days <= 90, "passwords are valid for more than 90 days")
        for kind in ("Symbols", "Numbers", "UppercaseCharacters", "LowercaseCharacters"):
            path = f"require{kind}"
            yield say(node, path, is_true(look(node.inputs, path)), f"{path} is not set")


def _number(node: Node, path: str, right: Callable[[float], bool], message: str) -> Judgement:
    value = look(node.inputs, path)
    answer = None if is_unknown(value) else isinstance(value, int | float) and right(value)
    return say(node, path, answer, message)


@stack_rule("eks-node-role-ecr-read-only")
def nodes_only_pull(graph: Graph) -> Iterator[Judgement]:
    message = "nodes may push or delete images"
    for role in graph.of_type(ROLE):
        if not any(refers(graph, group, "nodeRoleArn", role) for group in graph.of_type(NODE_GROUP)):
            continue
        for path, arn in rows(role, "managedPolicyArns"):
            yield say(role, path, _only_pulls(arn), message)
        for type_, property_ in ROLES_OF.items():
            for node in referring(graph, type_, property_, role):
                for path, arn in rows(node, "policyArns" if type_.endswith("Exclusive") else "policyArn"):
                    yield say(node, path, _only_pulls(arn), message)


def _only_pulls(arn: object) -> Answer:
    wide = ("AmazonEC2ContainerRegistryPowerUser", "AmazonEC2ContainerRegistryFullAccess", *ADMINISTRATORS)
    return None if is_unknown(arn) else str(arn).rpartition("/")[2] not in wide
