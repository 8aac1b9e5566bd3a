"""What an account's audit trail is watched for: the events of section 5 of the CIS AWS Foundations Benchmark.

Source: CIS AWS Foundations Benchmark 6.0.0, recommendations 5.1 to 5.15.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WatchedEvent:
    """Something that somebody has to hear of when it happens."""

    name: str
    """Of the metric and the alarm."""
    section: str
    """Recommendation of the benchmark."""
    what: str
    """What happened, for whoever reads the alarm."""
    events: tuple[str, ...] = ()
    """Names of the API calls."""
    condition: str = ""
    """Filter pattern where it takes more than the calls' names."""

    @property
    def pattern(self) -> str:
        """The filter pattern of CloudWatch Logs."""
        if self.condition:
            return self.condition
        return "{ " + " || ".join(f"($.eventName = {event})" for event in self.events) + " }"

    @property
    def words(self) -> tuple[str, ...]:
        """What any pattern that finds it has in it, however it is put together."""
        return self.events or tuple(text.strip("*") for text in re.findall(r'"([^"]+)"', self.condition))


WATCHED = (
    WatchedEvent(
        name="unauthorized-calls",
        section="5.1",
        what="a call was refused for want of rights",
        condition='{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
    ),
    WatchedEvent(
        name="console-without-mfa",
        section="5.2",
        what="somebody signed in to the console without a second factor",
        condition='{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") '
        '&& ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }',
    ),
    WatchedEvent(
        name="root-used",
        section="5.3",
        what="the account's root user did something",
        condition='{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS '
        '&& $.eventType != "AwsServiceEvent" }',
    ),
    WatchedEvent(
        name="iam-changes",
        section="5.4",
        what="an IAM policy was changed or attached",
        events=(
            "DeleteGroupPolicy",
            "DeleteRolePolicy",
            "DeleteUserPolicy",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
            "CreatePolicy",
            "DeletePolicy",
            "CreatePolicyVersion",
            "DeletePolicyVersion",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "AttachUserPolicy",
            "DetachUserPolicy",
            "AttachGroupPolicy",
            "DetachGroupPolicy",
        ),
    ),
    WatchedEvent(
        name="trail-changes",
        section="5.5",
        what="an audit trail was changed or stopped",
        events=("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    ),
    WatchedEvent(
        name="console-failures",
        section="5.6",
        what="somebody failed to sign in to the console",
        condition='{ ($.eventName = "ConsoleLogin") && ($.errorMessage = "Failed authentication") }',
    ),
    WatchedEvent(
        name="key-deletion",
        section="5.7",
        what="an encryption key was disabled or scheduled for deletion",
        condition='{ ($.eventSource = "kms.amazonaws.com") '
        '&& (($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }',
    ),
    WatchedEvent(
        name="bucket-policy-changes",
        section="5.8",
        what="who may reach a bucket was changed",
        events=(
            "PutBucketAcl",
            "PutBucketPolicy",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketReplication",
            "DeleteBucketPolicy",
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketReplication",
        ),
    ),
    WatchedEvent(
        name="config-changes",
        section="5.9",
        what="the recording of configurations was changed or stopped",
        condition='{ ($.eventSource = "config.amazonaws.com") && (($.eventName = "StopConfigurationRecorder") '
        '|| ($.eventName = "DeleteDeliveryChannel") || ($.eventName = "PutDeliveryChannel") '
        '|| ($.eventName = "PutConfigurationRecorder")) }',
    ),
    WatchedEvent(
        name="security-group-changes",
        section="5.10",
        what="a security group was changed",
        events=(
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "CreateSecurityGroup",
            "DeleteSecurityGroup",
        ),
    ),
    WatchedEvent(
        name="network-acl-changes",
        section="5.11",
        what="a network ACL was changed",
        events=(
            "CreateNetworkAcl",
            "CreateNetworkAclEntry",
            "DeleteNetworkAcl",
            "DeleteNetworkAclEntry",
            "ReplaceNetworkAclEntry",
            "ReplaceNetworkAclAssociation",
        ),
    ),
    WatchedEvent(
        name="gateway-changes",
        section="5.12",
        what="a way to the internet was changed",
        events=(
            "CreateCustomerGateway",
            "DeleteCustomerGateway",
            "AttachInternetGateway",
            "CreateInternetGateway",
            "DeleteInternetGateway",
            "DetachInternetGateway",
        ),
    ),
    WatchedEvent(
        name="route-changes",
        section="5.13",
        what="a route was changed",
        events=(
            "CreateRoute",
            "CreateRouteTable",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            "DeleteRouteTable",
            "DeleteRoute",
            "DisassociateRouteTable",
        ),
    ),
    WatchedEvent(
        name="vpc-changes",
        section="5.14",
        what="a network was made, changed or peered",
        events=(
            "CreateVpc",
            "DeleteVpc",
            "ModifyVpcAttribute",
            "AcceptVpcPeeringConnection",
            "CreateVpcPeeringConnection",
            "DeleteVpcPeeringConnection",
            "RejectVpcPeeringConnection",
        ),
    ),
    WatchedEvent(
        name="organization-changes",
        section="5.15",
        what="the organization was changed",
        condition='{ ($.eventSource = "organizations.amazonaws.com") && (($.eventName = "AttachPolicy") '
        '|| ($.eventName = "DetachPolicy") || ($.eventName = "CreateAccount") || ($.eventName = "LeaveOrganization") '
        '|| ($.eventName = "RemoveAccountFromOrganization") || ($.eventName = "UpdatePolicy") '
        '|| ($.eventName = "DeletePolicy") || ($.eventName = "CreatePolicy") || ($.eventName = "MoveAccount") '
        '|| ($.eventName = "InviteAccountToOrganization") || ($.eventName = "DeleteOrganization")) }',
    ),
)
