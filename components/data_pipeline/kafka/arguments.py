"""The larger arguments of an MSK cluster, each from the one fact that it depends on."""

import pulumi
import pulumi_aws as aws


def server_properties(zones: int, retention_hours: int) -> str:
    """Broker settings: a copy in each zone, and writes that survive the loss of one copy.

    With two zones a write is acknowledged by one broker: to insist on both would stop writes whenever one
    broker is patched.
    """
    copies = min(zones, 3)
    properties = {
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "log.retention.hours": retention_hours,
        "min.insync.replicas": max(1, copies - 1),
        "unclean.leader.election.enable": "false",
    }
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def volumes(storage_gb: int) -> "aws.msk.ClusterBrokerNodeGroupInfoStorageInfoArgs":
    """One EBS volume a broker."""
    return aws.msk.ClusterBrokerNodeGroupInfoStorageInfoArgs(
        ebs_storage_info=aws.msk.ClusterBrokerNodeGroupInfoStorageInfoEbsStorageInfoArgs(volume_size=storage_gb)
    )


def private_connectivity() -> "aws.msk.ClusterBrokerNodeGroupInfoConnectivityInfoArgs":
    """Ways in for AWS services by private connections, with their roles."""
    sasl = aws.msk.ClusterBrokerNodeGroupInfoConnectivityInfoVpcConnectivityClientAuthenticationSaslArgs(iam=True)
    authentication = aws.msk.ClusterBrokerNodeGroupInfoConnectivityInfoVpcConnectivityClientAuthenticationArgs(
        sasl=sasl
    )
    return aws.msk.ClusterBrokerNodeGroupInfoConnectivityInfoArgs(
        vpc_connectivity=aws.msk.ClusterBrokerNodeGroupInfoConnectivityInfoVpcConnectivityArgs(
            client_authentication=authentication
        )
    )


def prometheus(enabled: bool) -> "aws.msk.ClusterOpenMonitoringArgs":
    """Exporters on every broker, or on none."""
    return aws.msk.ClusterOpenMonitoringArgs(
        prometheus=aws.msk.ClusterOpenMonitoringPrometheusArgs(
            jmx_exporter=aws.msk.ClusterOpenMonitoringPrometheusJmxExporterArgs(enabled_in_broker=enabled),
            node_exporter=aws.msk.ClusterOpenMonitoringPrometheusNodeExporterArgs(enabled_in_broker=enabled),
        )
    )


def to_cloudwatch(log_group_name: pulumi.Output[str]) -> "aws.msk.ClusterLoggingInfoArgs":
    """Broker logs into one log group."""
    return aws.msk.ClusterLoggingInfoArgs(
        broker_logs=aws.msk.ClusterLoggingInfoBrokerLogsArgs(
            cloudwatch_logs=aws.msk.ClusterLoggingInfoBrokerLogsCloudwatchLogsArgs(
                enabled=True, log_group=log_group_name
            )
        )
    )


def grow_at_percent(
    used: float,
) -> "aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs":
    """Grow when volumes are `used` percent full. EBS volumes of brokers never shrink, so neither does the policy."""
    return aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
        predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
            predefined_metric_type="KafkaBrokerStorageUtilization"
        ),
        target_value=used,
        disable_scale_in=True,
    )
