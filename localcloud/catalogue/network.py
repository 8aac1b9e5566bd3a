"""VPC, its parts, and what attaches to it."""

from localcloud.catalogue.kind import ANYTHING, Kind, Name

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
EIP = "aws:ec2/eip:Eip"
VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NETWORK_ACL = "aws:ec2/networkAcl:NetworkAcl"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"

_EC2 = "arn:aws:ec2:{region}:{account}:"
_RULE = Kind(
    id="sgr-{hash}",
    arn=_EC2 + "security-group-rule/{id}",
    outputs={"securityGroupRuleId": "{id}"},
)

KINDS = {
    VPC: Kind(
        id="vpc-{hash}",
        arn=_EC2 + "vpc/{id}",
        outputs={
            "enableDnsSupport": True,
            "instanceTenancy": "default",
            "mainRouteTableId": "rtb-{hash}",
            "defaultRouteTableId": "rtb-{hash}",
            "defaultSecurityGroupId": "sg-{hash}",
            "defaultNetworkAclId": "acl-{hash}",
            "dhcpOptionsId": "dopt-{hash}",
            "ownerId": "{account}",
        },
        brings={
            "defaultRouteTableId": ROUTE_TABLE,
            "defaultSecurityGroupId": SECURITY_GROUP,
            "defaultNetworkAclId": NETWORK_ACL,
        },
        kept_by=(ANYTHING,),
    ),
    SUBNET: Kind(
        id="subnet-{hash}",
        arn=_EC2 + "subnet/{id}",
        outputs={
            "availabilityZone": "{region}a",
            "availabilityZoneId": "az1",
            "mapPublicIpOnLaunch": False,
            "ownerId": "{account}",
        },
        kept_by=(ANYTHING,),
    ),
    SECURITY_GROUP: Kind(
        id="sg-{hash}",
        arn=_EC2 + "security-group/{id}",
        outputs={"description": "Managed by Pulumi", "ownerId": "{account}", "name": "{name}"},
        name=Name(longest=255, pattern=r"(?!sg-)[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+", prefix="namePrefix"),
        unique=("name", "vpcId"),
        kept_by=(ANYTHING,),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Kind(
        id="sg-{hash}",
        arn=_EC2 + "security-group/{id}",
        outputs={"name": "default", "description": "default VPC security group", "ownerId": "{account}"},
        unique=("vpcId",),
    ),
    "aws:ec2/securityGroupRule:SecurityGroupRule": Kind(
        id="sgrule-{hash}",
        outputs={"securityGroupRuleId": "sgr-{hash}"},
        tags=False,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _RULE,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _RULE,
    INTERNET_GATEWAY: Kind(
        id="igw-{hash}",
        arn=_EC2 + "internet-gateway/{id}",
        outputs={"ownerId": "{account}"},
        # AWS detaches it from its VPC only when nothing there holds a public address any more.
        kept_by=(NAT_GATEWAY, "aws:ec2/route:Route", ROUTE_TABLE),
    ),
    EIP: Kind(
        id="eipalloc-{hash}",
        arn=_EC2 + "elastic-ip/{id}",
        outputs={"allocationId": "{id}", "publicIp": "203.0.113.{octet}", "domain": "vpc"},
        kept_by=(NAT_GATEWAY,),
    ),
    NAT_GATEWAY: Kind(
        id="nat-{hash}",
        outputs={
            "connectivityType": "public",
            "privateIp": "10.0.0.{octet}",
            "publicIp": "203.0.113.{octet}",
            "networkInterfaceId": "eni-{hash}",
            "associationId": "eipassoc-{hash}",
        },
    ),
    ROUTE_TABLE: Kind(
        id="rtb-{hash}",
        arn=_EC2 + "route-table/{id}",
        outputs={"ownerId": "{account}"},
        kept_by=("aws:ec2/routeTableAssociation:RouteTableAssociation",),
    ),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Kind(
        id="{defaultRouteTableId}",
        arn=_EC2 + "route-table/{id}",
        outputs={"ownerId": "{account}", "vpcId": "vpc-{hash}"},
    ),
    "aws:ec2/route:Route": Kind(
        id="r-{routeTableId}{short}",
        outputs={"origin": "CreateRoute", "state": "active"},
        unique=(
            "routeTableId",
            "destinationCidrBlock",
            "destinationIpv6CidrBlock",
            "destinationPrefixListId",
        ),
        tags=False,
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Kind(
        id="rtbassoc-{hash}",
        unique=("subnetId", "gatewayId"),
        tags=False,
    ),
    NETWORK_ACL: Kind(
        id="acl-{hash}",
        arn=_EC2 + "network-acl/{id}",
        outputs={"ownerId": "{account}"},
    ),
    VPC_ENDPOINT: Kind(
        id="vpce-{hash}",
        arn=_EC2 + "vpc-endpoint/{id}",
        outputs={
            "state": "available",
            "vpcEndpointType": "Gateway",
            "ownerId": "{account}",
            "prefixListId": "pl-{short}",
            "networkInterfaceIds": ["eni-{hash}"],
            "dnsEntries": [{"dnsName": "{id}.vpce.amazonaws.com", "hostedZoneId": "Z{short}"}],
        },
        unique=("vpcId", "serviceName"),
    ),
    FLOW_LOG: Kind(
        id="fl-{hash}",
        arn=_EC2 + "vpc-flow-log/{id}",
        trust={"iamRoleArn": "vpc-flow-logs.amazonaws.com"},
    ),
    LAUNCH_TEMPLATE: Kind(
        id="lt-{hash}",
        arn=_EC2 + "launch-template/{id}",
        outputs={"latestVersion": 1, "defaultVersion": 1, "name": "{name}"},
        name=Name(longest=128, shortest=3, pattern=r"[a-zA-Z0-9().\-/_]+", prefix="namePrefix"),
        unique=("name",),
    ),
}
