"""The state of the pretend cloud: what exists in it, kept on disk so that the next process finds it again.

A journal with one line for each change, put together on opening: a process that is killed loses nothing that it had
reported as done. Values are the redacted ones of a graph; a secret is never written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, TextIO

from localcloud.catalogue import kind_of
from localcloud.references import references
from mlops.plan.values import Properties

Identity = tuple[str, str]
"""Type, and an id, ARN or name."""

Key = tuple[str, str, str]
"""Type, place and id."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One resource that exists."""

    type: str
    id: str
    urn: str
    name: str
    """The logical name that it was made under; a renamed resource keeps its physical one."""
    generation: int = 0
    provider: str = ""
    """Where it was made: `account:region` for AWS, the API server's address for Kubernetes."""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.type, self.provider, self.id

    @property
    def package(self) -> str:
        return self.type.partition(":")[0]

    @property
    def noun(self) -> str:
        """The last part of its type: `Subnet`."""
        return self.type.rpartition(":")[2]

    def __str__(self) -> str:
        return f'{self.noun} "{self.name}"'


class World:
    """What exists. Every method is safe to call from several threads; hold `lock` to look and act as one."""

    def __init__(self, journal: Path | None = None, existing: Iterable[str] = ()) -> None:
        """Open the world kept in `journal`, or an empty one that is kept nowhere.

        Args:
            existing: ids and ARNs of AWS resources that are there without Pulumi, such as an adopted VPC.
        """
        self.lock = RLock()
        self._things: dict[Key, Thing] = {}
        self._by_identity: dict[Identity, Key] = {}
        self._users: dict[Identity, set[Key]] = {}
        self._existing = set(existing)
        self._file = self._open(journal) if journal else None

    def __iter__(self) -> Iterator[Thing]:
        with self.lock:
            return iter(list(self._things.values()))

    def __len__(self) -> int:
        return len(self._things)

    def get(self, type_: str, id_: str, place: str) -> Thing | None:
        """The resource of that type with that id in that place.

        When a place is told apart by something new (a cluster's identifier instead of its address), a
        resource of that id is still found, as long as there is only one.
        """
        found = self._things.get((type_, place, id_))
        if found:
            return found
        others = [thing for thing in self.of_type(type_) if thing.id == id_]
        return others[0] if len(others) == 1 else None

    def find(self, type_: str, identity: str) -> Thing | None:
        """The resource of that type whose id, ARN or name this is, or that brought it along."""
        key = self._by_identity.get((type_, identity))
        return self._things.get(key) if key else None

    def exists(self, type_: str, identity: str) -> bool:
        """Whether something of that type is there, made here or known to be there without Pulumi."""
        return identity in self._existing or (type_, identity) in self._by_identity

    def of_type(self, *types: str) -> list[Thing]:
        return [thing for thing in self if thing.type in types]

    def free_generation(self, type_: str, name: str) -> int:
        """The lowest generation that no living resource of that type and logical name has."""
        taken = {thing.generation for thing in self if (thing.type, thing.name) == (type_, name)}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def users(self, thing: Thing) -> list[Thing]:
        """Everything that refers to it or to what it brought along, itself left out."""
        keys = {user for identity in _identities(thing) for user in self._users.get(identity, ())}
        return [self._things[key] for key in sorted(keys - {thing.key})]

    def adopt(self, identity: str) -> None:
        """Note that something exists without Pulumi: the program read it."""
        with self.lock:
            self._existing.add(identity)
            self._write({"existing": identity})

    def put(self, thing: Thing) -> None:
        """Make a resource, or change it."""
        with self.lock:
            self._add(thing)
            self._write({"put": asdict(thing)})

    def remove(self, thing: Thing) -> None:
        with self.lock:
            self._drop(thing.key)
            self._write({"remove": thing.key})

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _add(self, thing: Thing) -> None:
        self._drop(thing.key)
        self._things[thing.key] = thing
        for identity in _identities(thing):
            self._by_identity[identity] = thing.key
        for target in _targets(thing):
            self._users.setdefault(target, set()).add(thing.key)

    def _drop(self, key: Key) -> None:
        thing = self._things.pop(key, None)
        if not thing:
            return
        for identity in _identities(thing):
            if self._by_identity.get(identity) == key:
                del self._by_identity[identity]
        for target in _targets(thing):
            self._users.get(target, set()).discard(key)

    def _write(self, change: Mapping[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(change) + "\n")
            self._file.flush()

    def _open(self, journal: Path) -> TextIO:
        """Replay the journal, then start it anew with no more than what is left."""
        lines = journal.read_text().split("\n") if journal.exists() else []
        for line in lines[:-1]:
            self._replay(json.loads(line))
        compact = journal.with_suffix(".new")
        with compact.open("w") as file:
            file.writelines(json.dumps({"existing": identity}) + "\n" for identity in sorted(self._existing))
            file.writelines(json.dumps({"put": asdict(thing)}) + "\n" for thing in self._things.values())
        compact.replace(journal)
        return journal.open("a")

    def _replay(self, change: Mapping[str, Any]) -> None:
        if "put" in change:
            self._add(Thing(**change["put"]))
        elif "remove" in change:
            type_, place, id_ = change["remove"]
            self._drop((type_, place, id_))
        else:
            self._existing.add(change["existing"])


def values_at(properties: Any, path: str) -> list[Any]:
    """The values at a dotted path, through lists as well: `vpcConfigs.subnetIds` of every element."""
    found = [properties]
    for part in path.split("."):
        found = [item[part] for item in _flat(found) if isinstance(item, Mapping) and item.get(part) is not None]
    return _flat(found)


def _flat(values: Iterable[Any]) -> list[Any]:
    return [item for value in values for item in (_flat(value) if isinstance(value, list) else [value])]


def _identities(thing: Thing) -> Iterator[Identity]:
    """What others may call it, and what it brought along."""
    if thing.package == "aws":
        kind = kind_of(thing.type)
        name = kind.name.property if kind.name else "name"
        for value in (thing.outputs.get("arn"), thing.outputs.get(name)):
            if isinstance(value, str):
                yield thing.type, value
        for path, type_ in kind.brings.items():
            yield from ((type_, value) for value in values_at(thing.outputs, path))
    yield thing.type, thing.id


def _targets(thing: Thing) -> set[Identity]:
    if thing.package != "aws":
        return set()
    return {(reference.type, reference.identity) for reference in references(thing.type, thing.inputs)}
