"""The invented answers of a cloud: always the same, shaped as the real ones."""

import re
from typing import Any

import pytest

from localcloud.fakes import Place, outputs

IRELAND = Place(region="eu-west-1", default_tags={"Owner": "data"})


@pytest.mark.parametrize(
    ("type_", "inputs", "id_", "known"),
    [
        ("aws:ec2/vpc:Vpc", {}, r"vpc-[0-9a-f]{17}", {"arn": r"arn:aws:ec2:eu-west-1:\d{12}:vpc/vpc-\w+"}),
        ("aws:s3/bucket:Bucket", {}, r"one-[0-9a-f]{7}", {"bucket": r"one-\w{7}", "arn": r"arn:aws:s3:::one-\w+"}),
        ("aws:s3/bucket:Bucket", {"bucketPrefix": "my-"}, r"my-[0-9a-f]{7}", {"bucket": r"my-\w{7}"}),
        ("aws:iam/role:Role", {"name": "r"}, r"r", {"arn": r"arn:aws:iam::\d{12}:role/r", "uniqueId": r"AROA\w{16}"}),
        ("aws:iam/role:Role", {"name": "r", "path": "/p/"}, r"r", {"arn": r"arn:aws:iam::\d{12}:role/p/r"}),
        ("aws:kms/key:Key", {}, r"[\w-]{36}", {"arn": r"arn:aws:kms:eu-west-1:\d{12}:key/[\w-]{36}"}),
        (
            "aws:ecr/repository:Repository",
            {"name": "a/b"},
            r"a/b",
            {"repositoryUrl": r"\d+\.dkr\.ecr\.eu-west-1\..*/a/b"},
        ),
        ("aws:kinesis/stream:Stream", {"name": "s"}, r"arn:aws:kinesis:.*:stream/s", {"name": r"s"}),
        (
            "aws:msk/cluster:Cluster",
            {"clusterName": "k"},
            r"arn:aws:kafka:.*",
            {"bootstrapBrokersSaslIam": r"b-1\.k\..*:9098"},
        ),
        (
            "aws:rds/instance:Instance",
            {"identifier": "d", "engine": "postgres", "instanceClass": "x"},
            r"db-\w+",
            {"endpoint": r"d\..*:5432"},
        ),
        (
            "aws:secretsmanager/secret:Secret",
            {"name": "s"},
            r"arn:aws:secretsmanager:.*:secret:s-\w{6}",
            {"arn": r"arn.*"},
        ),
        ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", {"url": "https://o/1"}, r"arn.*oidc-provider/o/1", {}),
        (
            "aws:networkfirewall/firewall:Firewall",
            {},
            r"one-\w{7}",
            {"arn": r"arn:aws:networkfirewall:.*:firewall/one-\w+"},
        ),
        (
            "kubernetes:core/v1:Namespace",
            {"metadata": {"name": "n"}},
            r"n",
            {"kind": r"Namespace", "apiVersion": r"v1"},
        ),
        ("kubernetes:apps/v1:Deployment", {"metadata": {"namespace": "n"}}, r"n/one-\w{8}", {"apiVersion": r"apps/v1"}),
        ("kubernetes:helm.sh/v3:Release", {"name": "r", "chart": "c"}, r"default/r", {"name": r"r"}),
        ("random:index:Password", {}, r"one-\w{7}", {}),
    ],
)
def test_ids_arns_and_names_are_shaped_as_the_real_ones(
    type_: str, inputs: dict[str, Any], id_: str, known: dict[str, str]
) -> None:
    made_id, made = outputs(type_, "one", inputs, IRELAND)
    assert re.fullmatch(id_, made_id)
    for key, pattern in known.items():
        assert re.fullmatch(pattern, made[key]), made[key]
    assert {key: made[key] for key in inputs if key != "metadata"} == {
        k: v for k, v in inputs.items() if k != "metadata"
    }


def test_the_same_resource_gets_the_same_answer_and_its_successor_another() -> None:
    first = outputs("aws:ec2/vpc:Vpc", "one", {})
    assert outputs("aws:ec2/vpc:Vpc", "one", {}) == first
    assert outputs("aws:ec2/vpc:Vpc", "one", {}, generation=1)[0] != first[0]
    assert outputs("aws:ec2/vpc:Vpc", "two", {})[0] != first[0]


def test_what_is_built_from_an_unknown_is_unknown() -> None:
    id_, made = outputs("aws:s3/bucketPolicy:BucketPolicy", "one", {"bucket": "[unknown]"})
    assert id_ == "[unknown]"
    _, role = outputs("aws:iam/role:Role", "one", {"name": "[unknown]"})
    assert role["arn"] == "[unknown]"
    assert role["maxSessionDuration"] == 3600
    assert made["bucket"] == "[unknown]"


def test_default_tags_are_under_the_tags_of_the_resource_itself() -> None:
    _, made = outputs("aws:s3/bucket:Bucket", "one", {"tags": {"Owner": "me", "Name": "one"}}, IRELAND)
    assert made["tagsAll"] == {"Owner": "me", "Name": "one"}
    assert made["tags"] == {"Owner": "me", "Name": "one"}


def test_a_generated_name_is_cut_to_what_the_service_takes() -> None:
    _, made = outputs("aws:lb/targetGroup:TargetGroup", "a-name-that-is-longer-than-a-target-group-may-have", {})
    assert len(made["name"]) == 32


def test_what_aws_adds_inside_a_given_mapping_is_added() -> None:
    _, made = outputs("aws:eks/cluster:Cluster", "one", {"vpcConfig": {"endpointPublicAccess": False}})
    assert made["vpcConfig"]["endpointPublicAccess"] is False
    assert made["vpcConfig"]["clusterSecurityGroupId"].startswith("sg-")


def test_rds_makes_a_master_secret_only_when_it_manages_the_password() -> None:
    with_secret = {"engine": "postgres", "manageMasterUserPassword": True}
    _, managed = outputs("aws:rds/instance:Instance", "one", with_secret, IRELAND)
    assert re.match(
        r"arn:aws:secretsmanager:eu-west-1:\d+:secret:rds!db-", managed["masterUserSecrets"][0]["secretArn"]
    )
    _, own = outputs("aws:rds/instance:Instance", "one", {"engine": "postgres"})
    assert "masterUserSecrets" not in own


def test_an_existing_resource_keeps_its_id_and_gets_outputs_that_fit() -> None:
    id_, made = outputs("aws:s3/bucket:Bucket", "adopted", {}, existing_id="their-lake")
    assert (id_, made["bucket"], made["arn"]) == ("their-lake", "their-lake", "arn:aws:s3:::their-lake")


def test_a_provider_with_one_allowed_account_makes_resources_of_that_account() -> None:
    place = Place.of_provider({"region": "us-west-2", "allowedAccountIds": '["111111111111"]'})
    _, made = outputs("aws:sns/topic:Topic", "one", {"name": "t"}, place)
    assert made["arn"] == "arn:aws:sns:us-west-2:111111111111:t"
