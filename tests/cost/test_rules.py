"""Each rule at its tiers, boundaries, units and minimum charges. Figures are those of the AWS pricing pages and their
examples for us-east-1, or of the golden files of Infracost, as noted; 730 hours a month."""

from typing import Any

import pytest

from mlops.core.usage import UsageConfig
from tests.cost.stacks import NOTHING_USED, bill, priced, resource, used

GROUP = "aws:eks/nodeGroup:NodeGroup"
RDS = "aws:rds/instance:Instance"
STREAM = "aws:kinesis/stream:Stream"


def group(types: list[str], size: int, **more: Any) -> dict[str, Any]:
    return {
        "instanceTypes": types,
        "scalingConfig": {"minSize": size, "desiredSize": size, "maxSize": size},
        **more,
    }


FIXED: list[tuple[str, str, dict[str, Any], dict[str, float]]] = [
    # Infracost nat_gateway_test: $32.85.
    ("a NAT gateway", "aws:ec2/natGateway:NatGateway", {}, {"NAT gateway": 32.85}),
    ("a public address", "aws:ec2/eip:Eip", {}, {"public IPv4 address": 3.65}),
    # Infracost vpc_endpoint_test: $7.30 for each zone.
    (
        "an interface endpoint in three zones",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcEndpointType": "Interface",
            "serviceName": "com.amazonaws.us-east-1.kms",
            "subnetIds": ["a", "b", "c"],
        },
        {"interface endpoint kms, 3 zones": 21.90},
    ),
    ("a gateway endpoint", "aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Gateway"}, {}),
    # Infracost lb_test: $16.43 for an application load balancer.
    (
        "an internal load balancer",
        "aws:lb/loadBalancer:LoadBalancer",
        {"loadBalancerType": "application", "internal": True},
        {"load balancer (ALB)": 16.43},
    ),
    (
        "a public load balancer in two zones",
        "aws:lb/loadBalancer:LoadBalancer",
        {"loadBalancerType": "network", "subnets": ["a", "b"]},
        {"load balancer (NLB)": 16.43, "public IPv4 addresses of the load balancer, 2 zones": 7.30},
    ),
    # Infracost eks_cluster_test: $73 in standard, $438 in extended support.
    ("a control plane", "aws:eks/cluster:Cluster", {"version": "1.35"}, {"EKS control plane": 73.0}),
    (
        "a control plane past its standard support",
        "aws:eks/cluster:Cluster",
        {"version": "1.33"},
        {"EKS control plane 1.33 in extended support": 438.0},
    ),
    # EC2 pricing: m7i.large $0.1008 an hour; EBS pricing: gp3 $0.08 a GB-month.
    (
        "two nodes with the disks that EKS gives them",
        GROUP,
        group(["m7i.large", "m6i.large"], 2),
        {"2 × m7i.large on demand": 147.17, "disks of 2 nodes, 20 GB gp3 each": 3.20},
    ),
    # Infracost db_instance_test: 2,000 IOPS above 12,000 cost $80 with a standby, storage of 400 GB $92.
    (
        "a database with a standby and more IOPS than 400 GB bring",
        RDS,
        {
            "engine": "postgres",
            "instanceClass": "db.t4g.small",
            "multiAz": True,
            "allocatedStorage": 400,
            "storageType": "gp3",
            "iops": 14000,
        },
        {
            "db.t4g.small in two zones": 47.45,
            "storage, 400 GB gp3 in two zones": 92.0,
            "IOPS over 12000": 80.0,
        },
    ),
    # Infracost db_instance_test: postgres db.t3.large $105.85, 20 GB gp2 $2.30.
    (
        "a database in one zone",
        RDS,
        {"engine": "postgres", "instanceClass": "db.t3.large", "allocatedStorage": 20, "storageType": "gp2"},
        {"db.t3.large in one zone": 105.85, "storage, 20 GB gp2 in one zone": 2.30},
    ),
    # Infracost db_instance_test: Performance Insights of db.m5.large $7.63.
    (
        "a database whose load is kept for two years",
        RDS,
        {
            "engine": "postgres",
            "instanceClass": "db.m5.large",
            "allocatedStorage": 20,
            "storageType": "gp2",
            "performanceInsightsRetentionPeriod": 731,
        },
        {
            "db.m5.large in one zone": 129.94,
            "storage, 20 GB gp2 in one zone": 2.30,
            "Database Insights, standard, kept longer than 7 days": 7.63,
        },
    ),
    (
        "a database whose password RDS keeps",
        RDS,
        {"engine": "postgres", "instanceClass": "db.t3.micro", "manageMasterUserPassword": True},
        {
            "db.t3.micro in one zone": 13.14,
            "storage, 20 GB gp3 in one zone": 2.30,
            "secret of the master user": 0.40,
        },
    ),
    # Infracost kinesis_stream_test: four shards $43.80, a stream on demand $29.20.
    ("four shards", STREAM, {"shardCount": 4}, {"4 Kinesis shards": 43.80}),
    (
        "a stream on demand",
        STREAM,
        {"streamModeDetails": {"streamMode": "ON_DEMAND"}},
        {"Kinesis stream, on demand": 29.20},
    ),
    # Kinesis pricing: extended retention $0.02 a shard-hour.
    (
        "a shard that keeps two days",
        STREAM,
        {"shardCount": 1, "retentionPeriod": 48},
        {"1 Kinesis shards": 10.95, "kept for up to 7 days": 14.60},
    ),
    (
        "three brokers",
        "aws:msk/cluster:Cluster",
        {
            "numberOfBrokerNodes": 3,
            "brokerNodeGroupInfo": {
                "instanceType": "kafka.m7g.large",
                "storageInfo": {"ebsStorageInfo": {"volumeSize": 100}},
            },
        },
        {"3 × kafka.m7g.large": 446.76, "storage of 3 brokers": 30.0},
    ),
    (
        "a serverless Kafka cluster without partitions",
        "aws:msk/serverlessCluster:ServerlessCluster",
        {},
        {"MSK Serverless cluster": 547.50},
    ),
    ("a key", "aws:kms/key:Key", {}, {"customer-managed key": 1.0}),
    ("a secret with a replica", "aws:secretsmanager/secret:Secret", {"replicas": [{}]}, {"secret": 0.80}),
    ("an alarm", "aws:cloudwatch/metricAlarm:MetricAlarm", {"period": 60}, {"alarm": 0.10}),
    ("an alarm every ten seconds", "aws:cloudwatch/metricAlarm:MetricAlarm", {"period": 10}, {"alarm": 0.30}),
    ("a dashboard", "aws:cloudwatch/dashboard:Dashboard", {}, {"dashboard": 3.0}),
    # EBS pricing: 1,000 IOPS over 3,000 $5, 25 MiB/s over 125 $1.
    (
        "a fast volume",
        "aws:ebs/volume:Volume",
        {"type": "gp3", "size": 100, "iops": 4000, "throughput": 150},
        {
            "volume, 100 GB gp3": 8.0,
            "volume, 100 GB gp3: IOPS over 3000": 5.0,
            "volume, 100 GB gp3: MiB/s over 125": 1.0,
        },
    ),
    (
        "a volume with the IOPS that it brings",
        "aws:ebs/volume:Volume",
        {"type": "gp3", "size": 100, "iops": 3000, "throughput": 125},
        {"volume, 100 GB gp3": 8.0},
    ),
    (
        "a Valkey cache of two shards with a replica each",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {"engine": "valkey", "nodeType": "cache.t4g.small", "numNodeGroups": 2, "replicasPerNodeGroup": 1},
        {"4 × cache.t4g.small (valkey)": 74.75},
    ),
    # AWS charges at least 100 MB of a serverless Valkey cache, $0.084 a GB-hour.
    (
        "an empty serverless cache",
        "aws:elasticache/serverlessCache:ServerlessCache",
        {"engine": "valkey"},
        {"data in the cache, GB": 6.13},
    ),
    (
        "a small Airflow environment",
        "aws:mwaa/environment:Environment",
        {"environmentClass": "mw1.small"},
        {"Airflow environment (small)": 357.70, "Airflow database": 1.0},
    ),
    ("a hosted zone", "aws:route53/zone:Zone", {}, {"hosted zone": 0.50}),
    (
        "a web ACL with two rules",
        "aws:wafv2/webAcl:WebAcl",
        {"rules": [{}, {}]},
        {"web ACL": 5.0, "2 rules": 2.0},
    ),
    (
        "a volume claim",
        "kubernetes:core/v1:PersistentVolumeClaim",
        {"spec": {"resources": {"requests": {"storage": "50Gi"}}}},
        {"volume claim, 50 GB gp3": 4.0},
    ),
    (
        "a stateful set of three",
        "kubernetes:apps/v1:StatefulSet",
        {
            "spec": {
                "replicas": 3,
                "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "10Gi"}}}}],
            }
        },
        {"volumes of 3 replicas, 10 GB gp3": 2.40},
    ),
    (
        "a chart that keeps its metrics",
        "kubernetes:helm.sh/v3:Release",
        {
            "chart": "kube-prometheus-stack",
            "values": {
                "prometheus": {
                    "prometheusSpec": {
                        "replicas": 2,
                        "storageSpec": {
                            "volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "100Gi"}}}}
                        },
                    }
                },
                "grafana": {"persistence": {"enabled": True, "size": "10Gi"}},
                "alertmanager": {"persistence": {"enabled": False, "size": "10Gi"}},
            },
        },
        {
            "volume of kube-prometheus-stack: prometheus.prometheusSpec.storageSpec, 100 GB gp3": 16.0,
            "volume of kube-prometheus-stack: grafana, 10 GB gp3": 0.80,
        },
    ),
    (
        "a service that asks for a load balancer",
        "kubernetes:core/v1:Service",
        {"spec": {"type": "LoadBalancer"}},
        {"load balancer (NLB)": 16.43},
    ),
    # Infracost route53_resolver_endpoint_test: $0.125 an hour and interface.
    (
        "a resolver endpoint in two zones",
        "aws:route53/resolverEndpoint:ResolverEndpoint",
        {"ipAddresses": [{}, {}]},
        {"resolver endpoint": 182.50},
    ),
    ("a health check", "aws:route53/healthCheck:HealthCheck", {}, {"health check": 0.50}),
    # Infracost ec2_transit_gateway_vpc_attachment_test: $36.50.
    (
        "an attachment to a transit gateway",
        "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
        {},
        {"transit gateway attachment": 36.50},
    ),
    # Infracost efs_file_system_test: $6 a MB/s.
    (
        "a file system with a speed of its own",
        "aws:efs/fileSystem:FileSystem",
        {"throughputMode": "provisioned", "provisionedThroughputInMibps": 10},
        {"EFS provisioned throughput": 60.0},
    ),
    (
        "a table with provisioned capacity",
        "aws:dynamodb/table:Table",
        {"readCapacity": 10, "writeCapacity": 10},
        {"read capacity": 0.95, "write capacity": 4.75},
    ),
    (
        "a search domain of two nodes",
        "aws:opensearch/domain:Domain",
        {
            "clusterConfig": {
                "instanceCount": 2,
                "instanceType": "t3.small.search",
                "dedicatedMasterEnabled": True,
                "dedicatedMasterCount": 3,
                "dedicatedMasterType": "m5.large.search",
            },
            "ebsOptions": {"volumeSize": 10, "volumeType": "gp3"},
        },
        {"2 × t3.small.search": 52.56, "3 × m5.large.search, masters": 310.98, "storage": 2.44},
    ),
    (
        "a database with provisioned IOPS",
        RDS,
        {
            "engine": "postgres",
            "instanceClass": "db.t3.large",
            "allocatedStorage": 100,
            "storageType": "io1",
            "iops": 1200,
        },
        # Infracost db_instance_test: 100 GB io1 $12.50, 1,200 IOPS $120.
        {"db.t3.large in one zone": 105.85, "storage, 100 GB io1 in one zone": 12.50, "provisioned IOPS": 120.0},
    ),
    (
        "a volume with provisioned IOPS",
        "aws:ebs/volume:Volume",
        {"type": "io1", "size": 100, "iops": 1000},
        {"volume, 100 GB io1": 12.50, "volume, 100 GB io1: IOPS": 65.0},
    ),
    (
        "a notebook that nobody opens",
        "aws:sagemaker/notebookInstance:NotebookInstance",
        {"instanceType": "ml.t3.medium", "volumeSize": 50},
        {"notebook volume, 50 GB": 7.0},
    ),
    ("a metric made from logs", "aws:cloudwatch/logMetricFilter:LogMetricFilter", {}, {"metric made from logs": 0.30}),
    (
        "express brokers",
        "aws:msk/cluster:Cluster",
        {"numberOfBrokerNodes": 3, "brokerNodeGroupInfo": {"instanceType": "express.m7g.large"}},
        {"3 × express.m7g.large": 893.52},
    ),
    (
        "brokers with faster storage, tiers and private connectivity",
        "aws:msk/cluster:Cluster",
        {
            "numberOfBrokerNodes": 3,
            "storageMode": "TIERED",
            "brokerNodeGroupInfo": {
                "instanceType": "kafka.m5.4xlarge",
                "storageInfo": {
                    "ebsStorageInfo": {
                        "volumeSize": 100,
                        "provisionedThroughput": {"enabled": True, "volumeThroughput": 300},
                    }
                },
                "connectivityInfo": {"vpcConnectivity": {"clientAuthentication": {}}},
            },
        },
        {
            "3 × kafka.m5.4xlarge": 3679.20,
            "storage of 3 brokers": 30.0,
            "storage throughput": 12.0,
            "private connectivity": 16.43,
        },
    ),
    (
        "a connector with two workers",
        "aws:mskconnect/connector:Connector",
        {"capacity": {"provisionedCapacity": {"workerCount": 2, "mcuCount": 1}}},
        {"MSK Connect": 160.60},
    ),
    (
        "a larger Airflow with three workers",
        "aws:mwaa/environment:Environment",
        {"environmentClass": "mw1.medium", "minWorkers": 3, "schedulers": 3},
        {
            "Airflow environment (medium)": 540.20,
            "further Airflow workers": 160.60,
            "further Airflow schedulers": 80.30,
            "Airflow database": 1.0,
        },
    ),
    ("a service inside the cluster", "kubernetes:core/v1:Service", {"spec": {"type": "ClusterIP"}}, {}),
]


@pytest.mark.parametrize(("type_", "inputs", "expected"), [row[1:] for row in FIXED], ids=[row[0] for row in FIXED])
def test_what_a_resource_costs_by_being_there(type_: str, inputs: dict[str, Any], expected: dict[str, float]) -> None:
    assert bill(resource(type_, inputs=inputs)) == expected


USED: list[tuple[str, str, dict[str, Any], UsageConfig, dict[str, float]]] = [
    (
        "NAT by the GB",
        "aws:ec2/natGateway:NatGateway",
        {},
        used(traffic={"nat_gb": 100}),
        {"NAT gateway": 32.85, "NAT gateway: data processed": 4.50},
    ),
    # S3 pricing: $0.023 for the first 50 TB, $0.022 after.
    (
        "the last GB of S3's first tier",
        "aws:s3/bucket:Bucket",
        {},
        used(storage={"data_gb": 51_200}),
        {"S3 Standard": 1177.60},
    ),
    (
        "the first GB of S3's second tier",
        "aws:s3/bucket:Bucket",
        {},
        used(storage={"data_gb": 51_201}),
        {"S3 Standard": 1177.62},
    ),
    (
        "S3 requests by the thousand",
        "aws:s3/bucket:Bucket",
        {},
        used(storage={"put_requests": 1_000_000, "get_requests": 1_000_000}),
        {"S3 writes and lists": 5.0, "S3 reads": 0.40},
    ),
    # CloudWatch pricing, example: 30 GB in leave 6 GB to store; kept for 30 days $0.03 a GB.
    (
        "logs",
        "aws:cloudwatch/logGroup:LogGroup",
        {"retentionInDays": 30},
        used(logs={"ingested_gb": 30, "queried_gb": 10}),
        {"logs taken in": 15.0, "logs kept 30 days, compressed": 0.18, "logs read by queries": 0.05},
    ),
    (
        "logs that nobody ever deletes",
        "aws:cloudwatch/logGroup:LogGroup",
        {},
        used(logs={"ingested_gb": 30}),
        {"logs taken in": 15.0, "logs kept 365 days, compressed": 2.19},
    ),
    # Infracost kinesis_stream_test: 6.5 million units $0.09.
    (
        "events of 25 KB count one unit",
        STREAM,
        {"shardCount": 1},
        used(streams={"ingested_gb": 162.5, "record_kb": 25}),
        {"1 Kinesis shards": 10.95, "payload units of 25 KB": 0.09},
    ),
    (
        "events of 26 KB count two units",
        STREAM,
        {"shardCount": 1},
        used(streams={"ingested_gb": 169, "record_kb": 26}),
        {"1 Kinesis shards": 10.95, "payload units of 25 KB": 0.18},
    ),
    # Firehose rounds each record up to 5 KB.
    (
        "small records that Firehose rounds up",
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        {},
        used(streams={"ingested_gb": 100, "record_kb": 1}),
        {"Firehose: data in": 14.50},
    ),
    # Lambda pricing: $0.20 a million, $0.0000166667 a GB-second.
    (
        "a function of 1 GB for 100 ms, a million times",
        "aws:lambda/function:Function",
        {"memorySize": 1024},
        used(requests={"functions": 1_000_000, "function_ms": 100}),
        {"Lambda invocations": 0.20, "Lambda GB-seconds": 1.67},
    ),
    (
        "the same on arm64",
        "aws:lambda/function:Function",
        {"memorySize": 1024, "architectures": ["arm64"]},
        used(requests={"functions": 1_000_000, "function_ms": 100}),
        {"Lambda invocations": 0.20, "Lambda GB-seconds (arm64)": 1.33},
    ),
    # Infracost sfn_state_machine_test: 10,000 transitions $0.25.
    (
        "state transitions",
        "aws:sfn/stateMachine:StateMachine",
        {},
        used(requests={"state_transitions": 10_000}),
        {"Step Functions": 0.25},
    ),
    # DynamoDB pricing since 2024-11: $0.125 and $0.625 a million.
    (
        "a table on demand",
        "aws:dynamodb/table:Table",
        {"billingMode": "PAY_PER_REQUEST"},
        used(requests={"table_reads": 1_000_000, "table_writes": 1_000_000, "table_gb": 10}),
        {"reads": 0.12, "writes": 0.62, "storage": 2.50},
    ),
    (
        "key requests by ten thousand",
        "aws:kms/key:Key",
        {},
        used(requests={"kms": 1_000_000}),
        {"customer-managed key": 1.0, "key requests": 3.0},
    ),
    (
        "HTTP requests up to the second tier",
        "aws:apigatewayv2/api:Api",
        {"protocolType": "HTTP"},
        used(requests={"api": 400_000_000}),
        {"API Gateway requests (HTTP)": 390.0},
    ),
    (
        "REST requests",
        "aws:apigateway/restApi:RestApi",
        {},
        used(requests={"api": 1_000_000}),
        {"API Gateway requests (REST)": 3.50},
    ),
    (
        "messages of a websocket",
        "aws:apigatewayv2/api:Api",
        {"protocolType": "WEBSOCKET"},
        used(requests={"api": 1_000_000}),
        {"API Gateway messages": 1.0},
    ),
    ("a queue", "aws:sqs/queue:Queue", {}, used(requests={"messages": 1_000_000}), {"queue requests": 0.40}),
    (
        "a queue in order",
        "aws:sqs/queue:Queue",
        {"fifoQueue": True},
        used(requests={"messages": 1_000_000}),
        {"queue requests": 0.50},
    ),
    ("a topic", "aws:sns/topic:Topic", {}, used(requests={"messages": 1_000_000}), {"topic requests": 0.50}),
    ("an event bus", "aws:cloudwatch/eventBus:EventBus", {}, used(requests={"messages": 1e6}), {"custom events": 1.0}),
    ("Glue jobs", "aws:glue/job:Job", {}, used(compute={"job_dpu_hours": 10}), {"Glue": 4.40}),
    ("queries", "aws:athena/workgroup:Workgroup", {}, used(compute={"query_tb": 2}), {"Athena: data scanned": 10.0}),
    (
        "a warehouse",
        "aws:redshiftserverless/workgroup:Workgroup",
        {},
        used(compute={"warehouse_rpu_hours": 100}),
        {"Redshift Serverless": 37.50},
    ),
    (
        "data events of a trail",
        "aws:cloudtrail/trail:Trail",
        {},
        used(logs={"trail_events": 1_000_000}),
        {"data events": 1.0},
    ),
    (
        "recorded configuration",
        "aws:cfg/recorder:Recorder",
        {},
        used(logs={"config_items": 1_000}),
        {"configuration items recorded": 3.0},
    ),
    ("a rule", "aws:cfg/rule:Rule", {}, used(logs={"config_items": 1_000}), {"rule evaluations": 1.0}),
    (
        "a detector",
        "aws:guardduty/detector:Detector",
        {},
        used(logs={"threat_log_gb": 10, "management_events": 1_000_000, "cluster_audit_events": 1_000_000}),
        {
            "flow and DNS logs analysed": 10.0,
            "management events analysed": 4.0,
            # On in a detector unless somebody states it otherwise.
            "Kubernetes calls looked at for threats": 1.6,
        },
    ),
    (
        "metrics of Prometheus",
        "aws:amp/workspace:Workspace",
        {},
        used(logs={"prometheus_samples": 1e9}),
        {"samples taken in": 90.0},
    ),
    (
        "people before dashboards",
        "aws:grafana/workspace:Workspace",
        {},
        used(logs={"grafana_editors": 2, "grafana_viewers": 10}),
        {"Grafana editors": 18.0, "Grafana viewers": 50.0},
    ),
    (
        "logs that are seldom read",
        "aws:cloudwatch/logGroup:LogGroup",
        {"logGroupClass": "INFREQUENT_ACCESS", "retentionInDays": 30},
        used(logs={"ingested_gb": 30}),
        {"logs taken in": 7.50, "logs kept 30 days, compressed": 0.18},
    ),
    ("files", "aws:efs/fileSystem:FileSystem", {}, used(storage={"files_gb": 100}), {"EFS storage": 30.0}),
    (
        "files in one zone",
        "aws:efs/fileSystem:FileSystem",
        {"availabilityZoneName": "us-east-1a"},
        used(storage={"files_gb": 100}),
        {"EFS storage": 16.0},
    ),
    (
        "a Studio user",
        "aws:sagemaker/userProfile:UserProfile",
        {},
        used(compute={"notebook_hours": 100}),
        {"Studio application of a user, ml.t3.medium": 5.0},
    ),
    (
        "a Studio space",
        "aws:sagemaker/space:Space",
        {
            "spaceSettings": {
                "jupyterLabAppSettings": {"defaultResourceSpec": {"instanceType": "ml.m5.xlarge"}},
                "spaceStorageSettings": {"ebsStorageSettings": {"ebsVolumeSizeInGb": 100}},
            }
        },
        used(compute={"notebook_hours": 100}),
        {"Studio application of a space, ml.m5.xlarge": 23.0, "volume of a space, 100 GB": 14.0},
    ),
    (
        "home directories",
        "aws:sagemaker/domain:Domain",
        {},
        used(storage={"files_gb": 10}),
        {"Studio home directories": 3.0},
    ),
    (
        "jobs",
        "aws:sagemaker/pipeline:Pipeline",
        {},
        used(compute={"training_hours": 100}),
        {"jobs on ml.m5.xlarge": 23.0},
    ),
    (
        "features for serving",
        "aws:sagemaker/featureGroup:FeatureGroup",
        {"onlineStoreConfig": {"enableOnlineStore": True}},
        used(requests={"table_reads": 1e6, "table_writes": 1e6, "table_gb": 10}),
        {"online features: reads": 0.25, "online features: writes": 1.25, "online features: storage": 4.50},
    ),
    ("features for training", "aws:sagemaker/featureGroup:FeatureGroup", {}, used(requests={"table_gb": 10}), {}),
    (
        "events kept for thirty days",
        STREAM,
        {"streamModeDetails": {"streamMode": "ON_DEMAND"}, "retentionPeriod": 720},
        used(streams={"ingested_gb": 30, "read_gb": 60}),
        {
            "Kinesis stream, on demand": 29.20,
            "data in": 2.40,
            "data out": 2.40,
            "kept for up to 7 days": 0.60,
            "kept for more than 7 days": 0.53,
        },
    ),
    (
        "a serverless Kafka cluster",
        "aws:msk/serverlessCluster:ServerlessCluster",
        {},
        used(streams={"ingested_gb": 30, "read_gb": 60, "partitions": 100, "kept_days": 1}),
        {
            "MSK Serverless cluster": 547.50,
            "partitions": 109.50,
            "data in": 3.0,
            "data out": 3.0,
            "storage": 0.10,
        },
    ),
    (
        "a hosted zone that is asked",
        "aws:route53/zone:Zone",
        {},
        used(requests={"dns": 10_000_000}),
        {"hosted zone": 0.50, "DNS queries": 4.0},
    ),
    # EBS pricing: $0.05 a GB-month; backup storage of RDS $0.095.
    (
        "a snapshot of a volume",
        "aws:ebs/snapshot:Snapshot",
        {},
        used(storage={"snapshots_gb": 100}),
        {"snapshot of a volume": 5.0},
    ),
    # Copies of volumes in S3 Standard, $0.023 a GB-month.
    (
        "backups of volumes in the lake",
        "kubernetes:velero.io/v1:Schedule",
        {"spec": {"schedule": "15 2 * * *", "template": {"snapshotVolumes": True, "snapshotMoveData": True}}},
        used(storage={"snapshots_gb": 100}),
        {"backups of volumes": 2.30},
    ),
    (
        "backups of volumes as snapshots",
        "kubernetes:velero.io/v1:Schedule",
        {"spec": {"schedule": "15 2 * * *", "template": {"snapshotVolumes": True, "snapshotMoveData": False}}},
        used(storage={"snapshots_gb": 100}),
        {"snapshots of volumes": 5.0},
    ),
    ("a backup vault", "aws:backup/vault:Vault", {}, used(storage={"snapshots_gb": 100}), {"backups": 9.50}),
    # Data transfer: $0.09 for the first 10 TB, $0.085 after; both ends of traffic between zones at $0.01.
    (
        "traffic beyond the first tier",
        "aws:ec2/instance:Instance",
        {"instanceType": "t3.micro"},
        used(traffic={"internet_out_gb": 10_241, "cross_zone_gb": 100}),
        {
            "t3.micro on demand": 7.59,
            "disk, 8 GB gp3": 0.64,
            "traffic to the internet": 921.68,
            "traffic between zones, both ends": 2.0,
        },
    ),
]


@pytest.mark.parametrize(
    ("type_", "inputs", "usage", "expected"), [row[1:] for row in USED], ids=[row[0] for row in USED]
)
def test_what_follows_from_use(
    type_: str, inputs: dict[str, Any], usage: UsageConfig, expected: dict[str, float]
) -> None:
    assert bill(resource(type_, inputs=inputs), usage=usage) == expected


def test_disks_of_nodes_and_their_monitoring_come_from_the_launch_template() -> None:
    template = resource(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "template",
        {
            "blockDeviceMappings": [
                {"ebs": {"volumeType": "gp3", "volumeSize": 4}},
                {"ebs": {"volumeType": "gp3", "volumeSize": 50}},
            ],
            "monitoring": {"enabled": True},
        },
    )
    nodes = resource(GROUP, "nodes", group(["m7i.large"], 3), launchTemplate=template)
    assert bill(template, nodes) == {
        "3 × m7i.large on demand": 220.75,
        "disks of 3 nodes, 4 GB gp3 each": 0.96,
        "disks of 3 nodes, 50 GB gp3 each": 12.0,
        "detailed monitoring of 3 nodes": 6.30,
    }


def test_nodes_in_public_subnets_pay_for_their_addresses() -> None:
    subnet = resource("aws:ec2/subnet:Subnet", "public", {"mapPublicIpOnLaunch": True})
    nodes = resource(GROUP, "nodes", group(["t3.small"], 2), subnetIds=subnet)
    assert bill(subnet, nodes)["public IPv4 addresses of 2 nodes"] == 7.30


def test_an_empty_group_costs_nothing() -> None:
    assert bill(resource(GROUP, inputs=group(["g6.xlarge"], 0))) == {}


def test_spot_nodes_come_with_a_band_up_to_the_price_on_demand() -> None:
    estimate = priced(resource(GROUP, inputs=group(["m5.xlarge"], 1, capacityType="SPOT")))
    line = estimate.lines[0]
    assert line.label == "1 × m5.xlarge spot, typical price"
    assert round(float(line.high), 2) == 140.16  # EC2 pricing: m5.xlarge $0.192 an hour
    assert line.low == line.monthly < line.high


def test_of_several_spot_types_one_with_a_price_stands_for_all() -> None:
    estimate = priced(resource(GROUP, inputs=group(["m6a.large", "m5.large"], 1, capacityType="SPOT")))
    assert estimate.missing == ()
    assert estimate.lines[0].price.sku == "m5.large"


def test_nodes_that_are_shut_down_at_night_cost_by_the_hour_disks_included() -> None:
    usage = NOTHING_USED.model_copy(
        update={"compute": NOTHING_USED.compute.model_copy(update={"node_hours": 219, "database_hours": 365})}
    )
    nodes = resource(GROUP, inputs=group(["m7i.large"], 2))
    database = resource(RDS, inputs={"engine": "postgres", "instanceClass": "db.t3.micro"})
    assert bill(nodes, database, usage=usage) == {
        "2 × m7i.large on demand": 44.15,
        "disks of 2 nodes, 20 GB gp3 each": 0.96,
        "db.t3.micro in one zone": 6.57,
        "storage, 20 GB gp3 in one zone": 2.30,
    }


def test_a_log_bucket_is_not_part_of_the_lake() -> None:
    logs = resource("aws:s3/bucket:Bucket", "logs")
    lake = resource("aws:s3/bucket:Bucket", "lake")
    logging = resource("aws:s3/bucketLogging:BucketLogging", "logging", bucket=lake, targetBucket=logs)
    usage = used(storage={"data_gb": 100, "bucket_logs_gb": 10})
    assert bill(logs, lake, logging, usage=usage) == {"S3 Standard: logs": 0.23, "S3 Standard": 2.30}


def test_what_the_stack_uses_is_shared_out_and_not_multiplied() -> None:
    usage = used(traffic={"nat_gb": 300})
    gateways = [resource("aws:ec2/natGateway:NatGateway", str(index)) for index in range(3)]
    assert bill(*gateways, usage=usage)["NAT gateway: data processed"] == 13.50


def test_ingresses_of_one_group_share_a_load_balancer() -> None:
    shared = {"metadata": {"annotations": {"alb.ingress.kubernetes.io/group.name": "platform"}}}
    one, two = (resource("kubernetes:networking.k8s.io/v1:Ingress", name, shared) for name in ("one", "two"))
    alone = resource("kubernetes:networking.k8s.io/v1:Ingress", "alone")
    assert bill(one, two, alone) == {"load balancer (ALB)": 32.85}


def test_fargate_tasks_pay_for_the_vcpus_and_memory_that_they_ask_for() -> None:
    task = resource("aws:ecs/taskDefinition:TaskDefinition", "task", {"cpu": "1024", "memory": "2048"})
    service = resource("aws:ecs/service:Service", "service", {"desiredCount": 2}, taskDefinition=task)
    # Infracost ecs_service_test: $29.55 a vCPU, $3.245 a GB.
    assert bill(task, service) == {"2 Fargate tasks, 1 vCPU each": 59.10, "2 Fargate tasks, 2 GB each": 12.98}


def strategies(*rows: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"capacityProvider": name, "weight": weight, "base": base} for name, weight, base in rows]


@pytest.mark.parametrize(
    ("rows", "count", "spot"),
    [
        ([("FARGATE", 20, 1), ("FARGATE_SPOT", 80, 0)], 6, 4),
        ([("FARGATE", 20, 1), ("FARGATE_SPOT", 80, 0)], 1, 0),
        ([("FARGATE_SPOT", 100, 0)], 3, 3),
        ([("FARGATE", 100, 0)], 3, 0),
        ([("FARGATE", 1, 0), ("FARGATE_SPOT", 0, 2)], 5, 2),
        ([], 2, 0),
    ],
)
def test_tasks_on_spot_cost_a_third_and_at_worst_what_the_others_do(
    rows: list[tuple[str, int, int]], count: int, spot: int
) -> None:
    task = resource("aws:ecs/taskDefinition:TaskDefinition", "task", {"cpu": "1024", "memory": "2048"})
    inputs = {"desiredCount": count, "capacityProviderStrategies": strategies(*rows)}
    made = priced(task, resource("aws:ecs/service:Service", "service", inputs, taskDefinition=task))
    each, on_spot = 730 * (0.04048 + 2 * 0.004445), 730 * (0.01334053 + 2 * 0.00146489)
    assert float(made.total) == pytest.approx((count - spot) * each + spot * on_spot)
    assert float(made.high) == pytest.approx(count * each)


@pytest.mark.parametrize(("architecture", "a_second"), [("x86_64", 0.0000041667), ("arm64", 0.0000041667 * 0.8)])
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_warm_copies_of_a_function_are_paid_for_day_and_night(architecture: str, a_second: float, region: str) -> None:
    function = resource("aws:lambda/function:Function", "f", {"memorySize": 2048, "architectures": [architecture]})
    warm = resource(
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "warm",
        {"provisionedConcurrentExecutions": 3},
        functionName=function,
    )
    found = bill(function, warm, region=region)["Lambda provisioned concurrency, 3"]
    assert found == pytest.approx(3 * 2 * 730 * 3600 * a_second, abs=0.01)


def test_a_small_tracking_server_has_a_price_of_somebody_who_looked_it_up() -> None:
    server = resource("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer", inputs={"trackingServerSize": "Small"})
    [line] = priced(server).lines
    assert float(line.monthly) == pytest.approx(0.642 * 730)
    assert line.price.verified


def test_a_fan_out_consumer_pays_for_every_shard_of_its_stream() -> None:
    source = resource(STREAM, "stream", {"shardCount": 4})
    consumer = resource("aws:kinesis/streamConsumer:StreamConsumer", "consumer", streamArn=source)
    assert bill(source, consumer)["enhanced fan-out"] == 43.80


def test_an_endpoint_is_priced_by_the_instances_of_its_configuration() -> None:
    config = resource(
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "config",
        {"productionVariants": [{"initialInstanceCount": 2, "instanceType": "ml.m5.large"}]},
    )
    endpoint = resource("aws:sagemaker/endpoint:Endpoint", "endpoint", endpointConfigName=config)
    assert bill(config, endpoint) == {"endpoint, 2 × ml.m5.large": 167.90}


def test_aurora_serverless_costs_at_least_its_smallest_capacity() -> None:
    cluster = resource("aws:rds/cluster:Cluster", "cluster", {"serverlessv2ScalingConfiguration": {"minCapacity": 2}})
    member = resource(
        "aws:rds/clusterInstance:ClusterInstance",
        "member",
        {"instanceClass": "db.serverless"},
        clusterIdentifier=cluster,
    )
    assert bill(cluster, member) == {"Aurora Serverless, 2 ACU at least": 175.20}


def test_services_without_a_price_are_named() -> None:
    made = priced(
        resource("aws:fsx/lustreFileSystem:LustreFileSystem", "scratch", {"storageCapacity": 1200}),
        resource("aws:cloudfront/distribution:Distribution", "edge"),
        resource(
            "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer", "tracking", {"trackingServerSize": "Large"}
        ),
        usage=used(traffic={"internet_out_gb": 1}),
    )
    assert {row.resource for row in made.missing} == {"edge", "tracking"}


def test_operators_that_make_volumes_pay_for_them() -> None:
    spec = {
        "storage": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "20Gi"}}}}},
        "replicas": 2,
    }
    assert bill(resource("kubernetes:monitoring.coreos.com/v1:Prometheus", inputs={"spec": spec})) == {
        "volume: storage, 20 GB gp3": 3.20
    }


def test_tasks_on_ec2_cost_nothing_beside_their_instances() -> None:
    assert bill(resource("aws:ecs/service:Service", inputs={"launchType": "EC2"})) == {}
