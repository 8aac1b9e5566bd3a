"""Load balancers, API gateways and web ACLs: what stands between the internet and the services."""

from collections.abc import Iterator

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, any_of, distinct, is_one, is_set, is_true, is_unknown, negated, rows
from policies.model import ABSENT, Judgement, look, say
from policies.references import referring, unclear
from policies.registry import resource_rule, stack_rule

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
ACL = "aws:wafv2/webAcl:WebAcl"
ACL_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ACL_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
REST_STAGE = "aws:apigateway/stage:Stage"
METHOD_SETTINGS = "aws:apigateway/methodSettings:MethodSettings"
TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-", "ELBSecurityPolicy-FS-1-2-")
ENCRYPTED = ("HTTPS", "TLS")


@resource_rule("alb-https-only")
def speaks_tls(node: Node) -> Iterator[Judgement]:
    protocol = is_one(look(node.inputs, "protocol"), *ENCRYPTED)
    redirects = [
        None
        if row == UNKNOWN
        else all_of([is_one(look(row, "type"), "redirect"), is_one(look(row, "redirect.protocol"), "HTTPS")])
        for _, row in rows(node, "defaultActions")
    ]
    redirected = all_of([bool(redirects), *redirects])
    yield say(node, "protocol", any_of([protocol, redirected]), "requests are answered in clear")


@resource_rule("alb-tls-policy")
def speaks_modern_tls(node: Node) -> Iterator[Judgement]:
    if is_one(look(node.inputs, "protocol"), *ENCRYPTED) is False:
        return
    policy = look(node.inputs, "sslPolicy")
    answer = None if is_unknown(policy) else str(policy).startswith(TLS_POLICIES)
    yield say(node, "sslPolicy", answer, "takes TLS older than 1.2, or ciphers without forward secrecy")


@resource_rule("alb-drop-invalid-headers")
def drops_invalid_headers(node: Node) -> Iterator[Judgement]:
    if _is_application(node):
        path = "dropInvalidHeaderFields"
        yield say(node, path, is_true(look(node.inputs, path)), "passes malformed headers on (request smuggling)")


@resource_rule("alb-access-logs")
def requests_are_logged(node: Node) -> Iterator[Judgement]:
    answer = all_of(
        [
            # The block's default is off.
            is_true(look(node.inputs, "accessLogs.enabled")),
            is_set(look(node.inputs, "accessLogs.bucket")),
        ]
    )
    yield say(node, "accessLogs.enabled", answer, "requests are not logged")


@resource_rule("alb-deletion-protection")
def deletion_is_refused(node: Node) -> Iterator[Judgement]:
    path = "enableDeletionProtection"
    yield say(node, path, is_true(look(node.inputs, path)), "one call deletes the load balancer and its address")


@resource_rule("alb-desync-mitigation")
def ambiguous_requests_are_refused(node: Node) -> Iterator[Judgement]:
    if _is_application(node):
        path = "desyncMitigationMode"
        answer = is_one(look(node.inputs, path), ABSENT, "defensive", "strictest")
        yield say(node, path, answer, "passes ambiguous requests on (request smuggling)")


@resource_rule("alb-multi-az")
def balancer_spans_zones(node: Node) -> Iterator[Judgement]:
    places = [look(node.inputs, path) for path in ("subnets", "subnetMappings")]
    answer = any_of(None if is_unknown(value) else len(distinct(value)) > 1 for value in places)
    yield say(node, "subnets", answer, "the load balancer is in one zone")


@stack_rule("alb-waf")
def web_acl_stands_before_it(graph: Graph) -> Iterator[Judgement]:
    for node in graph.of_type(BALANCER):
        if _is_application(node) and is_true(look(node.inputs, "internal")) is not True:
            yield _web_acl(graph, node, "internal")


@stack_rule("apigw-waf")
def web_acl_stands_before_the_api(graph: Graph) -> Iterator[Judgement]:
    for node in graph.of_type(REST_STAGE):
        yield _web_acl(graph, node, "")


def _web_acl(graph: Graph, node: Node, path: str) -> Judgement:
    message = "open to the internet without a web ACL"
    if referring(graph, ACL_ASSOCIATION, "resourceArn", node):
        return say(node, path, True, message)
    vague = unclear(graph, ACL_ASSOCIATION, "resourceArn") or is_unknown(look(node.inputs, "internal"))
    return say(node, path, None if vague else False, message)


def _is_application(node: Node) -> bool:
    """The default; a network or gateway load balancer knows no headers."""
    return is_one(look(node.inputs, "loadBalancerType"), "network", "gateway") is not True


@stack_rule("wafv2-logging-and-rules")
def web_acls_do_something(graph: Graph) -> Iterator[Judgement]:
    for node in graph.of_type(ACL):
        yield say(node, "rules", is_set(look(node.inputs, "rules")), "the web ACL has no rules")
        logged = bool(referring(graph, ACL_LOGGING, "resourceArn", node))
        if logged or not unclear(graph, ACL_LOGGING, "resourceArn"):
            yield say(node, "", logged, "what the web ACL refuses is not logged")
        else:
            yield say(node, "", None, "")


@resource_rule("apigw-stage-logging")
def api_calls_are_logged(node: Node) -> Iterator[Judgement]:
    if node.type == METHOD_SETTINGS:
        path = "settings.loggingLevel"
        yield say(node, path, is_one(look(node.inputs, path), "ERROR", "INFO"), "errors of the API are not logged")
        return
    path = "accessLogSettings.destinationArn"
    yield say(node, path, is_set(look(node.inputs, path)), "calls of the API are not logged")


@resource_rule("apigw-authorised")
def api_asks_who_calls(node: Node) -> Iterator[Judgement]:
    path = "authorization" if node.type == "aws:apigateway/method:Method" else "authorizationType"
    if is_one(look(node.inputs, "httpMethod"), "OPTIONS"):
        return
    if is_one(str(look(node.inputs, "routeKey")).partition(" ")[0], "OPTIONS"):
        return
    # An HTTP API's route without a type is open.
    answer = negated(is_one(_capitals(look(node.inputs, path)), "NONE", ABSENT))
    yield say(node, path, answer, "everybody may call this route")


def _capitals(value: object) -> object:
    return value.upper() if isinstance(value, str) and not is_unknown(value) else value


@resource_rule("apigw-tracing")
def api_calls_are_traced(node: Node) -> Iterator[Judgement]:
    yield say(node, "xrayTracingEnabled", is_true(look(node.inputs, "xrayTracingEnabled")), "calls leave no trace")


@resource_rule("apigw-cache-encrypted")
def api_cache_is_encrypted(node: Node) -> Iterator[Judgement]:
    cached = is_true(look(node.inputs, "settings.cachingEnabled"))
    encrypted = is_true(look(node.inputs, "settings.cacheDataEncrypted"))
    message = "cached answers are kept in clear"
    yield say(node, "settings.cacheDataEncrypted", any_of([negated(cached), encrypted]), message)


@resource_rule("apigw-tls12")
def api_speaks_modern_tls(node: Node) -> Iterator[Judgement]:
    path = "securityPolicy"
    if node.type == "aws:apigatewayv2/domainName:DomainName":
        path = "domainNameConfiguration.securityPolicy"
    value = look(node.inputs, path)
    answer = None if is_unknown(value) else value == "TLS_1_2" or str(value).startswith("SecurityPolicy_")
    yield say(node, path, answer, "takes TLS older than 1.2")
