"""What the rules say of load balancers, API gateways, web ACLs, SageMaker and Airflow."""

import pytest

from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, more, stacks, three
from tests.policies.support import verdict

LISTENER = "aws:lb/listener:Listener"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
STAGE = "aws:apigateway/stage:Stage"
SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
ROUTE = "aws:apigatewayv2/route:Route"
NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"
ENDPOINT = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
MODEL = "aws:sagemaker/model:Model"
DOMAIN = "aws:sagemaker/domain:Domain"
AIRFLOW = "aws:mwaa/environment:Environment"

PUBLIC = resource(BALANCER, {"internal": False}, name="public")
REST = resource(STAGE, name="rest")
RULED = resource(ACL, {"rules": [{"name": "common"}]}, name="acl")
TO_HTTPS = {"type": "redirect", "redirect": {"protocol": "HTTPS"}}
VPC_ONLY = {"appNetworkAccessType": "VpcOnly", "kmsKeyId": "key"}


def airflow_logs(enabled: object) -> dict[str, object]:
    parts = ("schedulerLogs", "workerLogs", "webserverLogs")
    return {"loggingConfiguration": {part: {"enabled": enabled} for part in parts}}


def instances(count: object) -> dict[str, object]:
    return {"productionVariants": [{"initialInstanceCount": count}]}


CASES: list[Case] = [
    *three(
        "alb-https-only",
        "answers in clear",
        LISTENER,
        {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]},
        {"protocol": "HTTPS"},
        {"protocol": UNKNOWN},
    ),
    more(
        "alb-https-only",
        Verdict.MET,
        "accepts a redirect",
        resource(LISTENER, {"protocol": "HTTP", "defaultActions": [TO_HTTPS]}),
    ),
    *three(
        "alb-tls-policy",
        "old TLS",
        LISTENER,
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"},
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
        {"protocol": "HTTPS", "sslPolicy": UNKNOWN},
    ),
    *three(
        "alb-drop-invalid-headers",
        "malformed headers",
        BALANCER,
        {},
        {"dropInvalidHeaderFields": True},
        {"dropInvalidHeaderFields": UNKNOWN},
    ),
    more(
        "alb-drop-invalid-headers",
        None,
        "leaves network load balancers alone",
        resource(BALANCER, {"loadBalancerType": "network"}),
    ),
    *three(
        "alb-access-logs",
        "requests without a log",
        BALANCER,
        {},
        {"accessLogs": {"enabled": True, "bucket": "logs"}},
        {"accessLogs": UNKNOWN},
    ),
    *three(
        "alb-deletion-protection",
        "a balancer that one call deletes",
        BALANCER,
        {},
        {"enableDeletionProtection": True},
        {"enableDeletionProtection": UNKNOWN},
    ),
    *three(
        "alb-desync-mitigation",
        "ambiguous requests",
        BALANCER,
        {"desyncMitigationMode": "monitor"},
        {},
        {"desyncMitigationMode": UNKNOWN},
    ),
    *three(
        "alb-multi-az",
        "a balancer in one zone",
        BALANCER,
        {"subnets": ["a"]},
        {"subnets": ["a", "b"]},
        {"subnets": UNKNOWN},
    ),
    *stacks(
        "alb-waf",
        "an open balancer without a web ACL",
        [PUBLIC],
        [PUBLIC, resource(ASSOCIATION, refers={"resourceArn": [PUBLIC]})],
        [PUBLIC, resource(ASSOCIATION, {"resourceArn": UNKNOWN})],
    ),
    more("alb-waf", None, "asks none of an internal balancer", resource(BALANCER, {"internal": True})),
    *stacks(
        "apigw-waf",
        "an open API without a web ACL",
        [REST],
        [REST, resource(ASSOCIATION, refers={"resourceArn": [REST]})],
        [REST, resource(ASSOCIATION, {"resourceArn": UNKNOWN})],
    ),
    *stacks(
        "wafv2-logging-and-rules",
        "a web ACL that does nothing",
        [resource(ACL)],
        [RULED, resource(LOGGING, refers={"resourceArn": [RULED]})],
        [RULED, resource(LOGGING, {"resourceArn": UNKNOWN})],
    ),
    *three(
        "apigw-stage-logging",
        "calls without a log",
        STAGE,
        {},
        {"accessLogSettings": {"destinationArn": "arn"}},
        {"accessLogSettings": UNKNOWN},
    ),
    more(
        "apigw-stage-logging",
        Verdict.BROKEN,
        "refuses methods whose errors are not logged",
        resource(SETTINGS, {"settings": {"loggingLevel": "OFF"}}),
    ),
    *three(
        "apigw-authorised",
        "a route for everybody",
        ROUTE,
        {"routeKey": "GET /"},
        {"routeKey": "GET /", "authorizationType": "JWT"},
        {"routeKey": "GET /", "authorizationType": UNKNOWN},
    ),
    more("apigw-authorised", None, "lets browsers ask beforehand", resource(ROUTE, {"routeKey": "OPTIONS /"})),
    *three(
        "apigw-tracing",
        "calls without a trace",
        STAGE,
        {},
        {"xrayTracingEnabled": True},
        {"xrayTracingEnabled": UNKNOWN},
    ),
    *three(
        "apigw-cache-encrypted",
        "a cache in clear",
        SETTINGS,
        {"settings": {"cachingEnabled": True}},
        {"settings": {"cachingEnabled": True, "cacheDataEncrypted": True}},
        {"settings": UNKNOWN},
    ),
    *three(
        "apigw-tls12",
        "old TLS",
        "aws:apigateway/domainName:DomainName",
        {"securityPolicy": "TLS_1_0"},
        {"securityPolicy": "TLS_1_2"},
        {"securityPolicy": UNKNOWN},
    ),
    *three(
        "sagemaker-notebook-no-internet",
        "a notebook past the network",
        NOTEBOOK,
        {"subnetId": "a"},
        {"directInternetAccess": "Disabled", "subnetId": "a"},
        {"directInternetAccess": UNKNOWN, "subnetId": "a"},
    ),
    *three(
        "sagemaker-notebook-no-root",
        "a notebook with root",
        NOTEBOOK,
        {},
        {"rootAccess": "Disabled"},
        {"rootAccess": UNKNOWN},
    ),
    *three(
        "sagemaker-notebook-kms", "a notebook without a key", NOTEBOOK, {}, {"kmsKeyId": "key"}, {"kmsKeyId": UNKNOWN}
    ),
    *three("sagemaker-endpoint-redundant", "one instance", ENDPOINT, instances(1), instances(2), instances(UNKNOWN)),
    more(
        "sagemaker-endpoint-redundant",
        None,
        "leaves serverless variants alone",
        resource(ENDPOINT, {"productionVariants": [{"serverlessConfig": {"maxConcurrency": 5}}]}),
    ),
    *three(
        "sagemaker-endpoint-kms",
        "an endpoint without a key",
        ENDPOINT,
        instances(1),
        {**instances(1), "kmsKeyArn": "key"},
        {**instances(1), "kmsKeyArn": UNKNOWN},
    ),
    more(
        "sagemaker-endpoint-kms",
        Verdict.BROKEN,
        "refuses captured requests without a key",
        resource(ENDPOINT, {**instances(1), "kmsKeyArn": "key", "dataCaptureConfig": {}}),
    ),
    *three(
        "sagemaker-model-isolated",
        "a model that may call out",
        MODEL,
        {},
        {"enableNetworkIsolation": True},
        {"enableNetworkIsolation": UNKNOWN},
    ),
    *three(
        "sagemaker-model-in-vpc",
        "a model outside the network",
        MODEL,
        {},
        {"vpcConfig": {"subnets": ["a"], "securityGroupIds": ["b"]}},
        {"vpcConfig": UNKNOWN},
    ),
    *three(
        "sagemaker-domain-vpc-only",
        "Studio past the network",
        DOMAIN,
        {**VPC_ONLY, "appNetworkAccessType": "PublicInternetOnly"},
        VPC_ONLY,
        {**VPC_ONLY, "kmsKeyId": UNKNOWN},
    ),
    *three(
        "mwaa-private-webserver",
        "Airflow open to the world",
        AIRFLOW,
        {"webserverAccessMode": "PUBLIC_ONLY"},
        {},
        {"webserverAccessMode": UNKNOWN},
    ),
    *three("mwaa-logs", "Airflow without logs", AIRFLOW, {}, airflow_logs(True), airflow_logs(UNKNOWN)),
    *three("mwaa-kms", "Airflow without a key", AIRFLOW, {}, {"kmsKey": "key"}, {"kmsKey": UNKNOWN}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected
