"""A Kubernetes and an etcd in memory for unit tests, with switches to make them fail."""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from etcd_operator.etcd.client import Member
from etcd_operator.etcd.errors import UnreachableError, WrongClusterError
from etcd_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from etcd_operator.etcd.client import Endpoint, KeyspaceHash, MemberList, Read, Status
    from etcd_operator.etcd.errors import EtcdError
    from etcd_operator.kube.port import Json, Precondition
    from etcd_operator.resources.kinds import Kind

Key = tuple["Kind", str, str]


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged at every depth, null takes away, anything else replaces."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@dataclass
class FakeKube:
    """The `Kube` port over a dictionary, with UIDs, resourceVersions and preconditions.

    `calls` tells what was asked, as ("create", "Pod", "orders-bbbbb"), `graces` the seconds that each deletion left.
    What has no namespace is kept under "". `faults` holds what calls raise instead of
    being carried out, by such a key; None in a place stands for any. `before` is awaited before each call.
    """

    objects: dict[Key, Json] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    faults: dict[tuple[str | None, str | None, str | None], KubeError] = field(default_factory=dict)
    graces: list[int | None] = field(default_factory=list)
    before: Callable[[str, str, str], Awaitable[None]] | None = None
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(100))

    def put(self, kind: Kind, body: Json) -> Json:
        """Store `body` as if somebody else had written it just now."""
        about = body["metadata"]
        stored = deepcopy(body)
        stored["metadata"].setdefault("uid", f"uid-{next(self._versions)}")
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[kind, about.get("namespace", ""), about["name"]] = stored
        return stored

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        """What was written, in order."""
        return [call for call in self.calls if call[0] not in {"get", "list"}]

    def named(self, kind: Kind) -> set[str]:
        """The names of the objects of one kind."""
        return {name for found, _, name in self.objects if found is kind}

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json:
        """See `Kube.get`."""
        await self._called("get", kind, name)
        return deepcopy(self._found(kind, namespace or "", name))

    async def list(self, kind: Kind, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Json]:
        """See `Kube.list`; understands equality selectors and the fields of events."""
        await self._called("list", kind, "")
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        return [
            deepcopy(body)
            for (found, where, _), body in self.objects.items()
            if found is kind
            and namespace in {None, where}
            and wanted.items() <= body["metadata"].get("labels", {}).items()
            and all(_field(body, path) == value for path, value in _pairs(fields))
        ]

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """See `Kube.create`."""
        name = body["metadata"]["name"]
        await self._called("create", kind, name)
        if (kind, namespace, name) in self.objects:
            raise AlreadyExists(f'{kind.value.plural} "{name}" already exists', code=409, reason="AlreadyExists")
        fresh = merged(body, {"metadata": {"namespace": namespace, "creationTimestamp": "2026-11-22T12:00:00Z"}})
        return deepcopy(self.put(kind, fresh))

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, precondition: Precondition, status: bool = False
    ) -> Json:
        """See `Kube.patch`; what changes nothing gives the object no new version, as on the real server."""
        await self._called("patch status" if status else "patch", kind, name)
        found = self._checked(kind, namespace, name, precondition)
        change = {"status": patch.get("status", {})} if status else {k: v for k, v in patch.items() if k != "status"}
        changed = merged(found, change)
        return deepcopy(found if changed == found else self.put(kind, changed))

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, precondition: Precondition, grace_seconds: int | None = None
    ) -> None:
        """See `Kube.delete`; nothing here has finalizers, and no grace is waited for."""
        await self._called("delete", kind, name)
        self.graces.append(grace_seconds)
        self._checked(kind, namespace, name, precondition)
        del self.objects[kind, namespace, name]

    async def _called(self, verb: str, kind: Kind, name: str) -> None:
        word = kind.value.kind
        if self.before is not None:
            await self.before(verb, word, name)
        self.calls.append((verb, word, name))
        for key in ((verb, word, name), (verb, word, None), (verb, None, None), (None, None, None)):
            if error := self.faults.get(key):
                raise error

    def _found(self, kind: Kind, namespace: str, name: str) -> Json:
        try:
            return self.objects[kind, namespace, name]
        except KeyError:
            raise NotFound(f'{kind.value.plural} "{name}" not found', code=404, reason="NotFound") from None

    def _checked(self, kind: Kind, namespace: str, name: str, precondition: Precondition) -> Json:
        found = self._found(kind, namespace, name)
        about = found["metadata"]
        if precondition.uid != about["uid"] or precondition.resource_version not in {None, about["resourceVersion"]}:
            raise Conflict(f"{name} is not what it was", code=409, reason="Conflict")
        return found


def _pairs(fields: str) -> list[tuple[str, str]]:
    return [(path, value) for path, _, value in (pair.partition("=") for pair in fields.split(",") if pair)]


def _field(body: Json, path: str) -> Any:
    found: Any = body
    for part in path.split("."):
        found = found.get(part, {})
    return found


def _without(listed: MemberList, member_id: int) -> MemberList:
    return replace(listed, members=tuple(member for member in listed.members if member.id != member_id))


def _never(what: str, *arguments: object) -> NoReturn:
    raise AssertionError(f"a pass reads and writes no keys of the user's: {what}{arguments}")


@dataclass
class FakeEtcd:
    """The part of `EtcdClient` that a pass uses. A member without an answer cannot be reached.

    `current` are those of whom the metrics port says that they take part, `asked_of_itself` who was asked there,
    `elsewhere` are members of another cluster.

    `changes` tells what was changed and who was asked for it, as ("orders-bbbbb", "remove", 7); `refusal` is what every
    change raises instead, at `refusing` only if that names members.
    """

    statuses: dict[str, Status] = field(default_factory=dict)
    lists: dict[str, MemberList] = field(default_factory=dict)
    asked: list[Endpoint] = field(default_factory=list)
    patience: dict[str, float] = field(default_factory=dict)
    changes: list[tuple[str, str, str | int]] = field(default_factory=list)
    refusal: EtcdError | None = None
    refusing: set[str] = field(default_factory=set)
    current: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    asked_of_itself: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    closed: bool = False

    async def status(self, at: Endpoint, *, within: float) -> Status:
        """See `EtcdClient.status`."""
        assert within > 0
        self.asked.append(at)
        self.patience[at.member] = within
        if at.member in self.elsewhere:
            raise WrongClusterError(f"{at.member}, Status", expected=1, answered=2)
        if at.member not in self.statuses:
            raise UnreachableError(f"{at.member}, Status", "connection refused")
        return self.statuses[at.member]

    async def member_list(self, at: Endpoint, *, within: float) -> MemberList:
        """See `EtcdClient.member_list`."""
        assert within > 0
        if at.member not in self.lists:
            raise UnreachableError(f"{at.member}, MemberList", "connection refused")
        return self.lists[at.member]

    async def takes_part(self, at: Endpoint, *, within: float) -> bool:
        """See `EtcdClient.takes_part`."""
        assert within > 0
        self.asked_of_itself.append(at.member)
        return at.member in self.current

    async def keep(self, members: Collection[str]) -> None:
        """See `EtcdClient.keep`."""
        self.kept = set(members)

    async def close(self) -> None:
        """See `EtcdClient.close`."""
        self.closed = True

    async def check_health(self, at: Endpoint, *, within: float) -> None:
        """Never called: a pass asks for no keys, which are the user's."""
        _never("check_health", at, within)

    async def member_add(self, at: Endpoint, peer_url: str, *, learner: bool, within: float) -> Member:
        """See `EtcdClient.member_add`."""
        self._change(at, "add learner" if learner else "add", peer_url, within=within)
        return Member(id=1, name="", peer_urls=(peer_url,), client_urls=(), is_learner=learner)

    async def member_remove(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """See `EtcdClient.member_remove`."""
        self._change(at, "remove", member_id, within=within)
        self.lists = {name: _without(listed, member_id) for name, listed in self.lists.items()}
        return self.lists[at.member]

    async def member_promote(self, at: Endpoint, member_id: int, *, within: float) -> MemberList:
        """See `EtcdClient.member_promote`."""
        self._change(at, "promote", member_id, within=within)
        return self.lists[at.member]

    async def move_leader(self, at: Endpoint, to_member_id: int, *, within: float) -> None:
        """See `EtcdClient.move_leader`."""
        self._change(at, "move leader", to_member_id, within=within)

    async def downgrade(self, at: Endpoint, version: str | None, *, within: float) -> None:
        """See `EtcdClient.downgrade`."""
        self._change(at, "downgrade", version or "", within=within)

    def _change(self, at: Endpoint, what: str, whom: str | int, *, within: float) -> None:
        assert within > 0
        self.changes.append((at.member, what, whom))
        if self.refusal is not None and (not self.refusing or at.member in self.refusing):
            raise self.refusal

    async def hash_kv(self, at: Endpoint, revision: int, *, within: float) -> KeyspaceHash:
        """Never called: a pass asks for no keys, which are the user's."""
        _never("hash_kv", at, revision, within)

    async def get(self, at: Endpoint, key: bytes, *, serializable: bool = False, within: float) -> Read:
        """Never called: a pass asks for no keys, which are the user's."""
        _never("get", at, key, serializable, within)

    async def put(self, at: Endpoint, key: bytes, value: bytes, *, within: float) -> int:
        """Never called: a pass asks for no keys, which are the user's."""
        _never("put", at, key, value, within)


@dataclass
class FakeClock:
    """Seconds that pass only when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds
