"""Security groups and network ACLs: what the internet may reach."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.addresses import is_internet
from policies.answers import all_of, any_of, as_list, is_one, is_set, is_unknown, negated, rows
from policies.model import ABSENT, Answer, Judgement, look, say
from policies.registry import resource_rule

GROUP = "aws:ec2/securityGroup:SecurityGroup"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ACL = "aws:ec2/networkAcl:NetworkAcl"

ADMIN_PORTS = (22, 3389, 445)
ACL_ADMIN_PORTS = (22, 3389)
DATA_PORTS = (
    *(3306, 5432, 1433, 1521, 27017, 6379, 11211),
    *range(9092, 9099),
    *(9200, 9300, 5601, 2379, 10250, 8080, 8888),
)
"""Databases, caches, Kafka, Elasticsearch, etcd, kubelet, and the ports of dashboards and notebooks."""
ALL_PROTOCOLS = ("-1",)
PORTS = ("tcp", "udp")
"""Protocols that have ports."""
EVERYWHERE = ("0.0.0.0/0", "::/0")
LAST_PORT = 65_535
NEARLY_ALL = 60_000
"""So many ports in one rule are every port, less a few."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One rule that lets traffic in or out."""

    path: str
    """Where its addresses are."""
    cidrs: tuple[Any, ...]
    protocol: Any
    first: Any
    last: Any

    @property
    def to_internet(self) -> Answer:
        return any_of(map(is_internet, self.cidrs))

    @property
    def _protocol_unknown(self) -> bool:
        """AWS demands a protocol: where none is to be seen, it is not known."""
        return is_unknown(self.protocol) or self.protocol in (None, ABSENT)

    @property
    def whole(self) -> Answer:
        """Whether every protocol or every port is open."""
        if self._protocol_unknown:
            return None
        if self.protocol in ALL_PROTOCOLS:
            return True
        if self.protocol not in PORTS:
            return False
        ports = self._ports
        return None if ports is None else ports[1] - ports[0] >= NEARLY_ALL

    @property
    def _ports(self) -> tuple[int, int] | None:
        """The first and the last port; None where they are not known. -1 is every port; so is 0 alone."""
        if not (isinstance(self.first, int) and isinstance(self.last, int)):
            return None
        every = -1 in (self.first, self.last) or (self.first, self.last) == (0, 0)
        return (0, LAST_PORT) if every else (self.first, self.last)

    def covers(self, *ports: int) -> Answer:
        """Whether one of the ports is open."""
        if not ports:
            return False
        if self._protocol_unknown:
            return None
        if self.protocol in ALL_PROTOCOLS:
            return True
        if self.protocol not in PORTS:
            return False
        own = self._ports
        return None if own is None else any(own[0] <= port <= own[1] for port in ports)


def openings(node: Node, direction: str = "ingress") -> list[Opening] | None:
    """What a security group or a rule of one opens; None where it is not known."""
    inputs = node.inputs
    if node.type == GROUP:
        found = [(path, row) for path, row in rows(node, direction)]
        if any(row == UNKNOWN for _, row in found):
            return None
        return [_inline(f"{path}.cidrBlocks", row) for path, row in found]
    if node.type == OLD_RULE:
        kind = look(inputs, "type")
        if is_unknown(kind):
            return None
        return [_inline("cidrBlocks", inputs)] if kind == direction else []
    if node.type != (INGRESS if direction == "ingress" else EGRESS):
        return []
    cidrs = [(path, value) for path in ("cidrIpv4", "cidrIpv6") if (value := look(inputs, path)) is not ABSENT]
    return [
        Opening(
            path=cidrs[0][0] if cidrs else "cidrIpv4",
            cidrs=tuple(value for _, value in cidrs),
            protocol=look(inputs, "ipProtocol"),
            first=look(inputs, "fromPort"),
            last=look(inputs, "toPort"),
        )
    ]


def _inline(path: str, row: Mapping[str, Any]) -> Opening:
    return Opening(
        path=path,
        cidrs=(*as_list(row.get("cidrBlocks")), *as_list(row.get("ipv6CidrBlocks"))),
        protocol=row.get("protocol"),
        first=row.get("fromPort"),
        last=row.get("toPort"),
    )


def _closed(
    node: Node, wrong: Callable[[Opening], Answer], message: str, direction: str = "ingress"
) -> Iterator[Judgement]:
    """One judgement for all that a node opens: the opening that is wrong, or the node that has none."""
    found = openings(node, direction)
    if found is None:
        yield say(node, direction, None, message)
        return
    answers = [(one, all_of([one.to_internet, wrong(one)])) for one in found]
    offenders = [one for one, answer in answers if answer]
    path = (offenders or found)[0].path if found else direction
    yield say(node, path, negated(any_of(answer for _, answer in answers)), message)


@resource_rule("sg-no-admin-ports-from-internet")
def no_remote_login(node: Node) -> Iterator[Judgement]:
    message = "the whole internet may reach SSH (22), RDP (3389) or SMB (445)"
    yield from _closed(node, lambda one: one.covers(*ADMIN_PORTS), message)


@resource_rule("sg-no-data-ports-from-internet")
def no_data_ports(node: Node) -> Iterator[Judgement]:
    message = "the whole internet may reach the port of a data store or a dashboard"
    yield from _closed(node, lambda one: one.covers(*DATA_PORTS), message)


@resource_rule("sg-no-all-ports-from-internet")
def no_open_door(node: Node) -> Iterator[Judgement]:
    yield from _closed(node, lambda one: one.whole, "the whole internet may reach every port")


@resource_rule("sg-egress-limited")
def names_where_it_goes(node: Node) -> Iterator[Judgement]:
    def everything(one: Opening) -> Answer:
        return one.whole

    yield from _closed(node, everything, "everything may leave to anywhere", "egress")


@resource_rule("sg-rules-described")
def says_what_it_is_for(node: Node) -> Iterator[Judgement]:
    yield say(node, "description", is_set(look(node.inputs, "description")), "nobody can tell what it is for")
    if node.type == GROUP:
        for path, row in (*rows(node, "ingress"), *rows(node, "egress")):
            answer = None if row == UNKNOWN else is_set(look(row, "description"))
            yield say(node, f"{path}.description", answer, "nobody can tell what the rule is for")


@resource_rule("nacl-no-admin-ports-from-internet")
def network_acl_without_remote_login(node: Node) -> Iterator[Judgement]:
    message = "the network ACL lets the whole internet reach SSH (22) or RDP (3389)"
    if node.type != ACL:
        path, wrong = "cidrBlock", _acl_rule(node)
        yield say(node, path, negated(wrong), message)
        return
    entries = [(path, row) for path, row in rows(node, "ingress")]
    answers = [(path, _acl_entry(row, _refused_before(row, entries))) for path, row in entries]
    offender = next((f"{path}.cidrBlock" for path, answer in answers if answer), "ingress")
    yield say(node, offender, negated(any_of(answer for _, answer in answers)), message)


def _refused_before(row: Any, entries: Iterable[tuple[str, Any]]) -> frozenset[int]:
    """The ports that an entry with a smaller number refuses to the whole internet: AWS takes the first that matches."""
    number = look(row, "ruleNo")
    family = "cidrBlock" if look(row, "ipv6CidrBlock") in (ABSENT, "") else "ipv6CidrBlock"
    before = (
        one
        for _, one in entries
        if isinstance(number, int) and isinstance(own := look(one, "ruleNo"), int) and own < number
        if look(one, "action") == "deny" and look(one, family) in EVERYWHERE
    )
    openings_ = [_opening_of_acl(one) for one in before]
    return frozenset(port for port in ACL_ADMIN_PORTS if any(one.covers(port) for one in openings_))


def _opening_of_acl(row: Mapping[str, Any]) -> Opening:
    return Opening(
        path="",
        cidrs=(*as_list(row.get("cidrBlock")), *as_list(row.get("ipv6CidrBlock"))),
        protocol=row.get("protocol"),
        first=row.get("fromPort"),
        last=row.get("toPort"),
    )


def _acl_entry(row: Any, refused: Collection[int] = ()) -> Answer:
    if row == UNKNOWN:
        return None
    opening = _opening_of_acl(row)
    ports = [port for port in ACL_ADMIN_PORTS if port not in refused]
    return all_of([is_one(row.get("action"), "allow"), opening.to_internet, opening.covers(*ports)])


def _acl_rule(node: Node) -> Answer:
    entry = {**node.inputs, "action": node.inputs.get("ruleAction")}
    return all_of([negated(is_one(node.inputs.get("egress"), True)), _acl_entry(entry)])
