"""The pretend cloud's memory: what exists survives the process, and a kill in the middle of a line."""

from dataclasses import replace
from pathlib import Path

from localcloud.world import Thing, World, values_at


def bucket(name: str, **more: object) -> Thing:
    outputs = {"bucket": name, "arn": f"arn:aws:s3:::{name}", **more}
    return Thing(type="aws:s3/bucket:Bucket", id=name, urn=f"urn:{name}", name=name, outputs=outputs)


def test_what_was_made_is_found_again_and_what_was_deleted_is_not(tmp_path: Path) -> None:
    journal = tmp_path / "world.jsonl"
    world = World(journal)
    world.put(bucket("kept"))
    world.put(bucket("gone"))
    world.remove(bucket("gone"))
    world.adopt("vpc-1")
    world.close()
    again = World(journal)
    assert [thing.name for thing in again] == ["kept"]
    assert again.exists("aws:ec2/vpc:Vpc", "vpc-1")
    again.close()


def test_the_journal_does_not_grow_with_every_change(tmp_path: Path) -> None:
    journal = tmp_path / "world.jsonl"
    world = World(journal)
    for size in range(50):
        world.put(bucket("lake", size=size))
    world.close()
    World(journal).close()
    assert len(journal.read_text().splitlines()) == 1


def test_a_line_that_was_never_finished_is_no_change(tmp_path: Path) -> None:
    journal = tmp_path / "world.jsonl"
    world = World(journal)
    world.put(bucket("kept"))
    world.close()
    with journal.open("a") as file:
        file.write('{"put": {"type": "aws:s3')
    again = World(journal)
    assert [thing.name for thing in again] == ["kept"]
    again.close()


def test_a_resource_is_found_by_id_arn_and_name_until_it_is_deleted() -> None:
    world = World()
    lake = bucket("lake")
    world.put(lake)
    assert world.find("aws:s3/bucket:Bucket", "arn:aws:s3:::lake") == lake
    world.remove(lake)
    assert not world.exists("aws:s3/bucket:Bucket", "arn:aws:s3:::lake")


def test_users_are_those_that_name_it_now() -> None:
    world = World()
    lake = bucket("lake")
    world.put(lake)
    policy = Thing(type="aws:s3/bucketPolicy:BucketPolicy", id="p", urn="urn:p", name="p", inputs={"bucket": "lake"})
    world.put(policy)
    assert [user.name for user in world.users(lake)] == ["p"]
    world.put(replace(policy, inputs={"bucket": "other"}))
    assert world.users(lake) == []


def test_values_are_found_through_lists() -> None:
    nested = {"groups": [{"ids": ["a", "b"]}, {"ids": ["c"]}, {}]}
    assert values_at(nested, "groups.ids") == ["a", "b", "c"]
    assert values_at(nested, "groups.none") == []
