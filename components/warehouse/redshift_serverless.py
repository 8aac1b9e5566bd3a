"""Amazon Redshift Serverless, which reads the lake as well as its own tables.

Nobody holds its administrator's password: Redshift makes it, keeps it in Secrets Manager and changes it. Workloads log
in by their role, for an hour at a time.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Egress, Statement
from components.base.security_group import MOST_CLIENTS, clients_of, security_group, way_out
from components.base.service_role import service_role
from components.base.watched import Watched
from components.foundation import Foundation
from components.network.endpoints import of_actions
from components.storage import Zone
from components.warehouse import WarehouseConfig, WarehouseOutputs
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import SecurityGroupId
from mlops.core.module import StackFacts

PORT = 5439
QUERY = ("redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup")
DATA_API = ("redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement")
FOLLOW = (
    "redshift-data:CancelStatement",
    "redshift-data:DescribeStatement",
    "redshift-data:GetStatementResult",
    "redshift-data:ListStatements",
)
_ZONES = 3
"""Source: Redshift management guide, "Considerations when using Amazon Redshift Serverless"."""
_STEP = 8
_LEAST, _MOST = 8, 512
"""Redshift processing units. Source: Redshift management guide, "Compute capacity for Amazon Redshift Serverless"."""


class RedshiftServerlessConfig(WarehouseConfig):
    """Amazon Redshift Serverless."""

    card: ClassVar[Card] = Card(
        title="Amazon Redshift Serverless",
        best_for="reports and features from joins over large tables, by people who speak SQL",
        not_for="a few questions a week to what lies in the lake: Athena asks it there, for less",
        complexity="medium",
        trade_offs="A warehouse without nodes to size, for a price by second of work; it insists on three zones",
        state="tables lie in the namespace; Redshift keeps recovery points for 24 hours, from which it is "
        "restored, and snapshots for longer are made by whoever needs them",
    )
    endpoints: ClassVar[frozenset[str]] = of_actions((*QUERY, *DATA_API))

    kind: Literal["redshift_serverless"] = "redshift_serverless"
    base_rpu: int = Field(default=_LEAST, ge=_LEAST, le=_MOST, multiple_of=_STEP)
    """Redshift processing units (16 GB of memory each) that a query begins with, 8 to 512 in steps of 8."""
    most_rpu: int = Field(default=64, ge=_LEAST, le=_MOST, multiple_of=_STEP)
    """Units to which it grows under load, in steps of 8."""
    most_rpu_hours: int | None = Field(default=200, ge=1, le=1_000_000)
    """Units times hours a month after which queries are refused: the most that its work can cost. Null refuses none."""
    lake_zones: Annotated[tuple[Zone, ...], Unique(most=4)] = ("curated", "features")
    """Zones of the lake that it reads, for COPY and external tables."""
    client_security_groups: Annotated[tuple[SecurityGroupId, ...], Unique(most=MOST_CLIENTS)] = ()
    """Security groups that may connect besides the cluster's (sg-0123456789abcdef0)."""
    protect: bool = True
    """Refuse to delete the warehouse and its tables."""

    @model_validator(mode="after")
    def _most_is_no_less_than_base(self) -> "RedshiftServerlessConfig":
        if self.most_rpu < self.base_rpu:
            raise ValueError(
                f"most_rpu is {self.most_rpu} and base_rpu {self.base_rpu}; set most_rpu to {self.base_rpu} or more"
            )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """It insists on subnets in three zones."""
        if stack.zones >= _ZONES:
            return ()
        sentence = (
            f"redshift_serverless needs subnets in {_ZONES} availability zones and network.zones is {stack.zones}; set "
            f"it to {_ZONES}, or ask the lake itself with lake_query"
        )
        return (sentence,)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[WarehouseOutputs]:
        """Make the warehouse."""
        return RedshiftServerless(name, self, foundation, opts)


class RedshiftServerless(Component[WarehouseOutputs]):
    """A namespace, which holds the tables, a workgroup, which works on them, and a role that reads the lake."""

    token = "mlops:index:RedshiftServerless"

    def __init__(
        self,
        name: str,
        config: RedshiftServerlessConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        network = foundation.network
        role_arn = self._lake_role()
        namespace = aws.redshiftserverless.Namespace(
            f"{name}-namespace",
            namespace_name=f"{foundation.prefix}-warehouse",
            db_name="warehouse",
            admin_username="warehouse_owner",
            manage_admin_password=True,
            admin_password_secret_kms_key_id=foundation.keys.database,
            kms_key_id=foundation.keys.database,
            log_exports=["connectionlog", "useractivitylog", "userlog"],
            iam_roles=[role_arn],
            default_iam_role_arn=role_arn,
            opts=self.child_with(protect=config.protect),
        )
        workgroup = aws.redshiftserverless.Workgroup(
            f"{name}-workgroup",
            namespace_name=namespace.namespace_name,
            workgroup_name=f"{foundation.prefix}-warehouse",
            base_capacity=config.base_rpu,
            max_capacity=config.most_rpu,
            config_parameters=[
                aws.redshiftserverless.WorkgroupConfigParameterArgs(parameter_key="require_ssl", parameter_value="true")
            ],
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            port=PORT,
            subnet_ids=list(network.private_subnet_ids[:_ZONES]),
            security_group_ids=[self._security_group().id],
            opts=self.child,
        )
        if config.most_rpu_hours is not None:
            aws.redshiftserverless.UsageLimit(
                f"{name}-usage-limit",
                resource_arn=workgroup.arn,
                usage_type="serverless-compute",
                amount=config.most_rpu_hours,
                period="monthly",
                breach_action="deactivate",
                opts=self.child,
            )
        self.publish(
            WarehouseOutputs(
                endpoint=workgroup.endpoints.apply(lambda endpoints: str(endpoints[0].address)),
                database=namespace.db_name,
                workgroup=workgroup.workgroup_name,
                query_statements=query(workgroup.arn),
                egress=(Egress(cidrs=network.private_subnet_cidrs[:_ZONES], ports=(PORT,)),),
                watched=(
                    Watched(
                        what="warehouse",
                        namespace="AWS/Redshift-Serverless",
                        dimensions={"Workgroup": workgroup.workgroup_name},
                    ),
                ),
            )
        )

    def _security_group(self) -> "aws.ec2.SecurityGroup":
        foundation, cluster = self._foundation, self._foundation.optional_cluster
        group = security_group(
            self.name,
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{self.name}",
            description="Warehouse of the MLOps platform",
            clients=clients_of(cluster.security_group_id if cluster else None, self._config.client_security_groups),
            ports=[(PORT, PORT)],
            opts=self.child,
        )
        ways = "The lake and AWS APIs, along the network's own routes"
        way_out(f"{self.name}-to-aws", group, description=ways, opts=self.child)
        return group

    def _lake_role(self) -> pulumi.Output[str]:
        storage, services = self._foundation.storage, ("redshift-serverless.amazonaws.com", "redshift.amazonaws.com")
        return service_role(
            f"{self.name}-lake",
            description="What the warehouse of the MLOps platform reads of the lake",
            service=services,
            key_arn=self._foundation.keys.database,
            statements=[one for zone in self._config.lake_zones for one in storage.read(zone).statements],
            opts=self.child,
        )


def query(workgroup_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Log in, and ask through the Data API. What a statement came to is asked by its id, which is no resource for IAM;
    the condition keeps it to whoever asked.

    Source: service authorization reference, "Amazon Redshift Data API" and "Amazon Redshift Serverless".
    """
    return (
        Statement(actions=(*QUERY, *DATA_API), resources=(workgroup_arn,)),
        Statement(
            actions=FOLLOW,
            resources=("*",),
            conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        ),
    )
