"""Workloads on Fargate: a service with roles, a security group, a log and a name of its own for each."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base.client_group import client_group
from components.base.generated_secret import generated_secret
from components.base.identity import Egress, Grant, Statement
from components.base.logs import log_group
from components.base.secret import SecretValue
from components.base.service_role import service_role
from components.base.steps import TaskSteps
from components.base.watched import Watched
from components.base.workload import Application, Host, Room, Running, Working, Workload
from components.foundation import Foundation
from components.serving.ecs import release, tasks
from components.serving.ecs.balancer import Balancer

_TASKS = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The ECS cluster and what lies around it."""

    foundation: Foundation
    cluster_arn: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    names_id: pulumi.Output[str]
    names: str
    """Domain of the names by which workloads find one another."""
    balancer: Balancer | None
    cpu_architecture: str
    spot_percent: int
    log_days: int


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What a service is told of the load balancer that it stands behind."""

    load_balancer: "aws.ecs.ServiceLoadBalancerArgs"
    rule: pulumi.Resource
    weighted: bool
    """Whether requests go to it by weights that a deployment moves."""
    alarms: "aws.ecs.ServiceAlarmsArgs | None"


class FargateHost(Host):
    """Fargate, as what runs containers."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def room(self, name: str, application: Application, opts: pulumi.ResourceOptions) -> Room:
        """What an application shares are its generated secrets; all else is each workload's own."""
        return FargateRoom(name, application, self._around, self.watched, opts)


class FargateRoom(Room):
    """The workloads of one application."""

    def __init__(
        self,
        name: str,
        application: Application,
        around: Surroundings,
        watched: list[Watched],
        opts: pulumi.ResourceOptions,
    ) -> None:
        self.name = name
        self._around = around
        self._watched = watched
        self._opts = opts
        self._generated = {
            variable: generated_secret(
                f"{name}-secret-{variable.lower().replace('_', '-')}",
                description=f"{variable} of {application.name} of the MLOps platform",
                unrotated=application.unrotated,
                key_arn=around.foundation.keys.data,
                opts=opts,
            )
            for variable in application.generated
        }

    def serve(self, workload: Workload) -> Running:
        """A service whose tasks are replaced one after another and follow the load."""
        around, named = self._around, f"{self.name}-{workload.role}"
        group, role_arn = self._group(workload), self._role(workload)
        aws.vpc.SecurityGroupIngressRule(
            f"{named}-from-network",
            security_group_id=group.id,
            cidr_ipv4=around.foundation.network.vpc_cidr,
            ip_protocol="tcp",
            from_port=workload.port,
            to_port=workload.port,
            description="Clients in the network",
            opts=self._opts,
        )
        behind = self._put_behind(workload, group) if around.balancer else None
        entry = None if behind and behind.weighted else self._entry(workload)
        service, _, _ = self._service(workload, role_arn, group, tasks.rolling(), entry.arn if entry else None, behind)
        if workload.shape.most > workload.shape.fewest:
            tasks.autoscaling(named, workload.shape, around.cluster_name, service.name, self._opts)
        way = Egress(cidrs=around.foundation.network.private_subnet_cidrs, ports=(workload.port,))
        url = f"https://{workload.shape.name}.{around.balancer.domain}" if around.balancer else ""
        return Running(
            url=entry.name.apply(lambda name: f"http://{name}.{around.names}:{workload.port}")
            if entry
            else pulumi.Output.from_input(url),
            role_arn=role_arn,
            way=Grant(resource=workload.role, access="invoke", egress=(way,)),
        )

    def work(self, workload: Workload) -> Working:
        """A service of one task: the old one ends before the new one begins, for two would do the same work."""
        role_arn, group, network = self._role(workload), self._group(workload), self._around.foundation.network
        _, definition, execution_arn = self._service(workload, role_arn, group, tasks.one_at_a_time(), None, None)
        return Working(
            role_arn=role_arn,
            steps=TaskSteps(
                cluster_arn=self._around.cluster_arn,
                definition_arn=definition.arn,
                container=workload.shape.name,
                role_arns=(role_arn, execution_arn),
                subnet_ids=tuple(network.private_subnet_ids),
                group_id=group.id,
                public=network.public,
            ),
        )

    def _entry(self, workload: Workload) -> "aws.servicediscovery.Service":
        """The name of a workload in the network: of one whose requests go by weights there is none, for names have no
        weights."""
        return aws.servicediscovery.Service(
            f"{self.name}-{workload.role}-name",
            name=workload.shape.name,
            description=f"{workload.shape.name} of the MLOps platform",
            dns_config=tasks.addresses(self._around.names_id),
            # What ECS has registered goes with its service; what is left of a crash must not keep the name.
            force_destroy=True,
            opts=self._opts,
        )

    def _put_behind(self, workload: Workload, group: "aws.ec2.SecurityGroup") -> Behind:
        """Lead the load balancer's host name of the workload to its tasks; by weights where its releases ask for it."""
        around, named, shape = self._around, f"{self.name}-{workload.role}", workload.shape
        balancer = around.balancer
        if balancer is None:
            raise LookupError(f"{shape.name} is to stand behind a load balancer, and there is none.")
        roles = ("targets",) if shape.release.strategy == "rolling" else ("targets", "alternate")
        targets = [
            balancer.targets(f"{named}-{role}", workload.port, workload.probes.ready, self._opts) for role in roles
        ]
        rule = balancer.put_behind(named, shape.name, workload.port, targets, group, self._opts)
        advanced, alarms = None, None
        if len(targets) > 1:
            moves = service_role(
                f"{named}-moves",
                service="ecs.amazonaws.com",
                description=f"Moves requests to new images of {shape.name} of the MLOps platform",
                statements=(),
                managed={"weights": release.INFRASTRUCTURE_POLICY},
                key_arn=around.foundation.keys.data,
                opts=self._opts,
            )
            advanced = aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
                alternate_target_group_arn=targets[1].arn, production_listener_rule=rule.arn, role_arn=moves
            )
            if rings := release.alarm(named, shape.release, balancer.arn_suffix, targets, self._opts):
                back = shape.release.rollback == "automatic"
                alarms = aws.ecs.ServiceAlarmsArgs(alarm_names=[rings.name], enable=True, rollback=back)
        return Behind(
            load_balancer=aws.ecs.ServiceLoadBalancerArgs(
                target_group_arn=targets[0].arn,
                container_name=shape.name,
                container_port=workload.port,
                advanced_configuration=advanced,
            ),
            rule=rule,
            weighted=len(targets) > 1,
            alarms=alarms,
        )

    def _group(self, workload: Workload) -> "aws.ec2.SecurityGroup":
        foundation = self._around.foundation
        return client_group(
            f"{self.name}-{workload.role}",
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-{workload.shape.name}",
            grants=workload.grants,
            opts=self._opts,
        )

    def _role(self, workload: Workload) -> pulumi.Output[str]:
        return service_role(
            f"{self.name}-{workload.role}-task",
            service=_TASKS,
            description=f"{workload.shape.name} of the MLOps platform",
            statements=[statement for grant in workload.grants for statement in grant.statements],
            key_arn=self._around.foundation.keys.data,
            opts=self._opts,
        )

    def _service(
        self,
        workload: Workload,
        role_arn: pulumi.Output[str],
        group: "aws.ec2.SecurityGroup",
        deployment: tasks.Deployment,
        entry: pulumi.Output[str] | None,
        behind: Behind | None,
    ) -> "tuple[aws.ecs.Service, aws.ecs.TaskDefinition, pulumi.Output[str]]":
        """The service, its task definition, and the ARN of the role that starts its tasks."""
        around, named, shape = self._around, f"{self.name}-{workload.role}", workload.shape
        network = around.foundation.network
        definition, execution_arn = self._definition(workload, role_arn)
        scaled = shape.most > shape.fewest
        made = aws.ecs.Service(
            named,
            cluster=around.cluster_arn,
            task_definition=definition.arn,
            # With scaling the number is the scaling's: stating it at each `up` would reset it.
            desired_count=shape.fewest,
            capacity_provider_strategies=tasks.capacity(around.spot_percent, worker=shape.worker),
            deployment_minimum_healthy_percent=deployment.least_percent,
            deployment_maximum_percent=deployment.most_percent,
            availability_zone_rebalancing="DISABLED" if shape.worker else "ENABLED",
            # A deployment by weights goes back by its alarm: the breaker is for rolling ones alone.
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True)
            if shape.release.strategy == "rolling"
            else None,
            deployment_configuration=release.deployment(shape.release),
            alarms=behind.alarms if behind else None,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=list(network.private_subnet_ids),
                security_groups=[group.id],
                assign_public_ip=network.public,
            ),
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(registry_arn=entry) if entry is not None else None,
            load_balancers=[behind.load_balancer] if behind else [],
            health_check_grace_period_seconds=workload.probes.start_seconds if behind else None,
            propagate_tags="SERVICE",
            enable_execute_command=False,
            opts=pulumi.ResourceOptions.merge(
                self._opts,
                pulumi.ResourceOptions(
                    # The image is pushed to a registry that the same `up` makes: nothing here waits for tasks.
                    depends_on=[*network.ways_out, *([behind.rule] if behind else [])],
                    ignore_changes=["desiredCount"] if scaled else [],
                ),
            ),
        )
        dimensions = {"ClusterName": around.cluster_name, "ServiceName": made.name}
        self._watched.append(Watched(what=shape.name, namespace="AWS/ECS", dimensions=dimensions))
        return made, definition, execution_arn

    def _definition(
        self, workload: Workload, role_arn: pulumi.Output[str]
    ) -> "tuple[aws.ecs.TaskDefinition, pulumi.Output[str]]":
        around, named = self._around, f"{self.name}-{workload.role}"
        foundation = around.foundation
        logs = log_group(f"{named}-logs", days=around.log_days, key_arn=foundation.keys.logs, opts=self._opts)
        secrets: dict[str, SecretValue] = {**self._generated, **workload.secrets}
        statements = [
            Statement(
                actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                resources=(pulumi.Output.concat(logs.arn, ":*"),),
            ),
            *(statement for secret in secrets.values() for statement in secret.read()),
        ]
        if workload.repository:
            statements += foundation.registry.pull(workload.repository).statements
        execution = service_role(
            f"{named}-execution",
            service=_TASKS,
            description=f"Starts tasks of {workload.shape.name} of the MLOps platform",
            statements=statements,
            key_arn=foundation.keys.data,
            opts=self._opts,
        )
        definition = tasks.definition(
            named,
            workload,
            tasks.DefinitionParts(
                family=f"{foundation.prefix}-{workload.shape.name}",
                region=foundation.region,
                log_group=logs.name,
                secrets=secrets,
                role_arn=role_arn,
                execution_role_arn=execution,
                cpu_architecture=around.cpu_architecture,
            ),
            self._opts,
        )
        return definition, execution
