"""Builders for all tests: one cluster at any stage of its life as it is observed, and small changes to that.

A test begins with `an_observation(Stage.…)` and says with `having`, `without`, `with_spec` … only what differs.
"""

from __future__ import annotations

import base64
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from etcd_operator import pki
from etcd_operator.api import API_VERSION
from etcd_operator.api.cluster import ClientTLS, ClusterSpec, OnDelete, PeerTLS
from etcd_operator.etcd.client import Endpoint, Member, MemberList, Status
from etcd_operator.observation import (
    Budget,
    Claim,
    Cluster,
    Etcd,
    MemberView,
    Meta,
    Node,
    Observation,
    Pod,
    Problem,
    Record,
    Secret,
    Service,
    Stranger,
    Unknown,
)
from etcd_operator.resources.budget import budget_selector
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import (
    WITHDRAWN,
    Identity,
    client_url,
    cluster_endpoint,
    initial_cluster,
    peer_names,
    peer_url,
    server_names,
)
from etcd_operator.resources.ownership import cluster_labels, member_labels, owner_reference, voter_label
from etcd_operator.resources.pod import StartCheckImage
from etcd_operator.resources.quantity import whole_number
from etcd_operator.resources.services import client_service, member_service
from etcd_operator.resources.settings import MADE_FROM, made_from
from tests.spec import shortest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etcd_operator.api.cluster import TLS, Json

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
IDENTITY = Identity(name="orders", namespace="shop", uid="0d7c3a52-6a2c-4a3f-9d0e-2f5b8c1e7a90")
GATE = StartCheckImage(reference="example.com/etcd-operator:1", pull_policy="IfNotPresent", pull_secrets=())
CLUSTER_ID = 0x3A57933972CB5131
OPERATOR_USER = "etcd-operator"

_SUFFIXES = ("bbbbb", "ccccc", "ddddd", "fffff", "ggggg", "hhhhh", "jjjjj")
MEMBERS = tuple(f"{IDENTITY.name}-{suffix}" for suffix in _SUFFIXES)
"""Names of members, in the order in which tests take them."""

_SPEC: Json = shortest()


class Stage(IntEnum):
    """How far a cluster has come; each stage has all that the ones before it have."""

    EMPTY = 0
    NAMED = 1
    FOUNDED = 2
    CREDENTIALED = 3
    STARTED = 4
    AGREED = 5
    FORMED = 6
    WITHDRAWN = 7
    STABLE = 8


def spec_json(**changes: Any) -> Json:
    """A spec as the API server hands it out, with the fields of each named part laid over the defaults."""
    spec = deepcopy(_SPEC)
    for name, change in changes.items():
        spec[name] = {**spec[name], **change} if isinstance(spec[name], dict) else change
    return spec


def a_spec(**changes: Any) -> ClusterSpec:
    """`spec_json`, parsed."""
    return ClusterSpec.parse(spec_json(**changes))


def cluster_json(*, status: Json | None = None, **changes: Any) -> Json:
    """An EtcdCluster as the API server hands it out; `changes` are of its spec."""
    body: Json = {
        "apiVersion": API_VERSION,
        "kind": "EtcdCluster",
        "metadata": {
            "name": IDENTITY.name,
            "namespace": IDENTITY.namespace,
            "uid": IDENTITY.uid,
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": "2026-11-22T11:59:00Z",
        },
        "spec": spec_json(**changes),
    }
    return body if status is None else {**body, "status": status}


def a_meta(name: str, *, labels: Mapping[str, str] | None = None, owner: str | None = IDENTITY.uid) -> Meta:
    """The identity of an object of the cluster; its UID is made of its name."""
    return Meta(
        name=name,
        uid=f"uid-of-{name}",
        resource_version="7",
        labels=labels if labels is not None else cluster_labels(IDENTITY),
        annotations={},
        owner=owner,
        deleting=False,
    )


def deleting(meta: Meta) -> Meta:
    """The same object, after its deletion was asked for."""
    return replace(meta, deleting=True)


def a_pod(
    member: str,
    *,
    spec: ClusterSpec | None = None,
    voter: bool = False,
    running: bool = True,
    finished: bool = False,
    deleting: bool = False,
    problem: Problem | None = None,
    node: str | None = "node-1",
) -> Pod:
    """The Pod of `member` as `spec` asks for it."""
    labels = member_labels(IDENTITY, member) | (voter_label() if voter else {})
    annotations = {MADE_FROM: made_from(spec or a_spec())}
    meta = replace(a_meta(member, labels=labels), annotations=annotations, deleting=deleting)
    return Pod(
        meta=meta,
        member=member,
        node=node,
        ip="10.244.1.7" if running else None,
        running=running,
        ready=running,
        finished=finished,
        problem=problem,
        lived=running,
    )


def a_gate_pod(newcomer: str, *, asks: tuple[str, ...], deleting: bool = False, pulled: bool = True) -> Pod:
    """The Pod of a newcomer at the gate, where it asks the members `asks`; it has pulled etcd's image unless said."""
    urls = tuple(peer_url(IDENTITY, member, a_spec().tls) for member in asks)
    pod = a_pod(newcomer, running=False, deleting=deleting)
    return replace(pod, at_gate=True, asks=urls, first_start=True, pulled=pulled)


def a_claim(
    member: str,
    *,
    owner: str | None = None,
    deleting: bool = False,
    problem: Problem | None = None,
    lost: bool = False,
    node: str | None = None,
    size: str = "8Gi",
    capacity: str | None = None,
    class_name: str | None = "standard",
) -> Claim:
    """The bound claim of `member`, which nobody owns unless said; it has as many bytes as it asks for unless said."""
    meta = replace(a_meta(member, labels=member_labels(IDENTITY, member), owner=owner), deleting=deleting)
    bound = problem is None and not lost
    return Claim(
        meta=meta,
        member=member,
        bound=bound,
        problem=problem,
        lost=lost,
        node=node,
        class_name=class_name,
        size=whole_number(size),
        capacity=whole_number(capacity or size) if bound else None,
    )


def a_node(
    name: str = "node-1",
    *,
    exists: bool = True,
    ready: bool = True,
    since: datetime | None = None,
    cordoned: bool = False,
    zone: str = "",
    images: frozenset[str] = frozenset(),
) -> Node:
    """A node; one that exists has been as it is for a day unless said."""
    known = since or NOW.replace(day=21)
    return Node(name, exists, ready, known if exists else since, cordoned, zone, images)


def a_secret(name: str, data: Mapping[str, bytes], *, labels: Mapping[str, str] | None = None) -> Secret:
    """A Secret of the cluster."""
    return Secret(a_meta(name, labels=labels), data)


def a_member(name: str, *, started: bool = True, learner: bool = False, tls: TLS | None = None) -> Member:
    """An entry of etcd's member list."""
    tls = tls or a_spec().tls
    return Member(
        id=int.from_bytes(name.encode()[-7:], "big"),
        name=name,
        peer_urls=(peer_url(IDENTITY, name, tls),),
        client_urls=(client_url(IDENTITY, name, tls),) if started else (),
        is_learner=learner,
    )


def a_member_list(*members: Member, cluster_id: int = CLUSTER_ID) -> MemberList:
    """What a quorum agrees on, as the first of `members` says it."""
    return MemberList(cluster_id=cluster_id, members=members, answered_by=members[0].id)


def a_status(member: Member, *, leader: Member, version: str = "3.6.16", revision: int = 1) -> Status:
    """What `member` says of itself."""
    return Status(
        cluster_id=CLUSTER_ID,
        member_id=member.id,
        leader_id=leader.id,
        raft_term=2,
        raft_index=9,
        raft_applied_index=9,
        revision=revision,
        version=version,
        db_size=20480,
        is_learner=member.is_learner,
        errors=(),
    )


def an_observation(
    stage: Stage = Stage.STABLE,
    *,
    members: int = 3,
    spec: ClusterSpec | None = None,
    status: Json | None = None,
    at: datetime = NOW,
) -> Observation:
    """A cluster of `members` that has come to `stage` and lacks nothing of it."""
    spec = spec or a_spec(replicas=members)
    names = MEMBERS[:members]
    named, formed = stage >= Stage.NAMED, stage >= Stage.FORMED
    record = Record(
        members=names if named else (),
        version=spec.version if named else None,
        cluster_id=CLUSTER_ID if formed else None,
    )
    founded, started = stage >= Stage.FOUNDED, stage >= Stage.STARTED
    pods = {name: a_pod(name, spec=spec, voter=stage >= Stage.STABLE) for name in names} if started else {}
    answers = _all_answer(names, spec.tls) if stage >= Stage.AGREED else _nobody_answers(names if started else ())
    return Observation(
        cluster=Cluster(
            meta=replace(a_meta(IDENTITY.name, labels={}, owner=None), uid=IDENTITY.uid),
            namespace=IDENTITY.namespace,
            generation=1,
            spec=spec,
            record=record,
            status=status or {},
        ),
        pods=pods,
        claims={name: a_claim(name, owner=_claim_owner(spec)) for name in names} if founded else {},
        secrets=_secrets(stage, spec.tls, names),
        services=_services(names) if founded else {},
        budgets={IDENTITY.disruption_budget: a_budget(members // 2 + 1)} if founded else {},
        strangers=(),
        etcd=answers,
        at=at,
        nodes={"node-1": a_node()},
    )


def a_service(name: str, *, member: bool = False) -> Service:
    """A Service of the cluster, or of the member of that name."""
    labels = member_labels(IDENTITY, name) if member else None
    body = member_service(IDENTITY, name) if member else client_service(IDENTITY)
    return Service(a_meta(name, labels=labels), body["spec"])


def a_member_secret(member: str, permission: str, *, tls: TLS | None = None) -> Secret:
    """The Secret of `member` with certificates that serve, and this word on its first start."""
    data = {**_member_data(member, tls or a_spec().tls), "initial-cluster": permission.encode()}
    return a_secret(member, data, labels=member_labels(IDENTITY, member))


def _services(names: tuple[str, ...]) -> dict[str, Service]:
    members = {name: a_service(name, member=True) for name in names}
    return {IDENTITY.client_service: a_service(IDENTITY.client_service), **members}


def a_budget(min_available: int) -> Budget:
    """The cluster's PodDisruptionBudget."""
    return Budget(a_meta(IDENTITY.disruption_budget), min_available, budget_selector(IDENTITY))


def _claim_owner(spec: ClusterSpec) -> str | None:
    return IDENTITY.uid if spec.storage.on_delete is OnDelete.DELETE else None


def _all_answer(names: tuple[str, ...], tls: TLS) -> Etcd:
    listed = [a_member(name, tls=tls) for name in names]
    agreed = a_member_list(*listed)
    views = {member.name: MemberView(a_status(member, leader=listed[0]), agreed) for member in listed}
    return Etcd(views=views, members=agreed, endpoints=_endpoints(names))


def _endpoints(names: tuple[str, ...]) -> dict[str, Endpoint]:
    return {name: Endpoint(name, f"{name}:2379", None, CLUSTER_ID) for name in names}


def _nobody_answers(names: tuple[str, ...], reason: str = "connection refused") -> Etcd:
    silent = MemberView(Unknown(reason), Unknown(reason))
    return Etcd(views=dict.fromkeys(names, silent), members=Unknown(reason), endpoints=_endpoints(names))


def silent(seen: Observation, *names: str, reason: str = "no answer before the deadline") -> Observation:
    """The same moment, but these members, or all of them, do not answer."""
    if not names:
        return replace(seen, etcd=_nobody_answers(tuple(seen.etcd.views), reason))
    views = {**seen.etcd.views, **dict.fromkeys(names, MemberView(Unknown(reason), Unknown(reason)))}
    return replace(seen, etcd=replace(seen.etcd, views=views))


def mute(seen: Observation, *names: str) -> Observation:
    """The same moment, but these members take part and serve no clients yet."""
    seen = silent(seen, *names)
    views = {name: replace(view, takes_part=name in names) for name, view in seen.etcd.views.items()}
    return replace(seen, etcd=replace(seen.etcd, views=views))


def listing(seen: Observation, *members: Member, cluster_id: int = CLUSTER_ID) -> Observation:
    """The same moment, but this is what a quorum of the members that answer agrees on."""
    agreed = a_member_list(*members, cluster_id=cluster_id)
    views = {
        name: view if isinstance(view.status, Unknown) else replace(view, agreed=agreed)
        for name, view in seen.etcd.views.items()
    }
    return replace(seen, etcd=replace(seen.etcd, views=views, members=agreed))


def saying(seen: Observation, member: str, **changes: Any) -> Observation:
    """The same moment, but `member`, which answers, says these things of itself; `changes` are of its Status."""
    view = seen.etcd.views[member]
    assert isinstance(view.status, Status), f"{member} does not answer"
    views = {**seen.etcd.views, member: replace(view, status=replace(view.status, **changes))}
    return replace(seen, etcd=replace(seen.etcd, views=views))


def led_by(seen: Observation, leader: str) -> Observation:
    """The same moment, but all that answer say that `leader` leads."""
    for name, view in seen.etcd.views.items():
        if isinstance(view.status, Status):
            seen = saying(seen, name, leader_id=a_member(leader).id)
    return seen


def with_newcomers(seen: Observation, *newcomers: str, at_gate: bool = True) -> Observation:
    """The same moment with newcomers for which everything is made; they stand at the gate, or have no Pod yet."""
    assert not isinstance(seen.etcd.members, Unknown), "nobody can have told the newcomers who the others are"
    tls, record = seen.cluster.spec.tls, seen.cluster.record
    listed = [entry.name for entry in seen.etcd.members.members]
    seen = with_record(seen, joining=(*record.joining, *newcomers))
    for name in newcomers:
        permission = initial_cluster(IDENTITY, {*listed, name}, tls)
        seen = having(
            seen,
            a_service(name, member=True),
            a_claim(name, owner=_claim_owner(seen.cluster.spec)),
            a_member_secret(name, permission, tls=tls),
        )
        if at_gate:
            seen = having(seen, a_gate_pod(name, asks=record.members))
    return seen


def with_learner(seen: Observation, learner: str, *, started: bool = True, applied: int = 9) -> Observation:
    """The same moment, but etcd lists `learner`; once started, it has come to `applied` and may not start over."""
    assert not isinstance(seen.etcd.members, Unknown), "nobody can have added a learner"
    entry = a_member(learner, started=started, learner=True)
    others = [member for member in seen.etcd.members.members if member.name != learner]
    seen = listing(seen, *others, entry)
    if not started:
        return seen
    leader = a_member(next(iter(seen.etcd.views)))
    said = replace(a_status(entry, leader=leader), raft_applied_index=applied)
    view = MemberView(said, Unknown("rpc not supported for learner"))
    views = {**seen.etcd.views, learner: view}
    seen = having(replace(seen, etcd=replace(seen.etcd, views=views)), a_pod(learner))
    return having(seen, a_member_secret(learner, WITHDRAWN, tls=seen.cluster.spec.tls))


def on_nodes(seen: Observation, **nodes: Node) -> Observation:
    """The same moment with each Pod and claim on a node of its own, `node_1` and so on in the order of the members.

    `nodes` are those that are not as usual.
    """
    found: dict[str, Node] = {}
    for turn, name in enumerate(seen.cluster.record.present, start=1):
        node = nodes.get(f"node_{turn}", a_node(f"node-{turn}"))
        found[node.name] = node
        if name in seen.pods:
            seen = having(seen, replace(seen.pods[name], node=node.name))
        if name in seen.claims:
            seen = having(seen, replace(seen.claims[name], node=node.name))
    return replace(seen, nodes=found)


def deserting(seen: Observation, member: str) -> Observation:
    """The member's Pod is gone, and only the status still says where it ran."""
    node = seen.pods[member].node
    assert node is not None
    cluster = replace(seen.cluster, last_nodes={member: node})
    return without(replace(seen, cluster=cluster), Kind.POD, member)


def losing(seen: Observation, *members: str) -> Observation:
    """The same moment, but the Pods and claims of these members are gone, and with them their data."""
    views = {name: view for name, view in seen.etcd.views.items() if name not in members}
    seen = replace(seen, etcd=replace(seen.etcd, views=views))
    return without(without(seen, Kind.POD, *members), Kind.CLAIM, *members)


def having(seen: Observation, *things: Pod | Claim | Secret | Service | Budget | Stranger | Node) -> Observation:
    """The same moment with `things`, each in the place of the one of its name."""
    for thing in things:
        match thing:
            case Pod():
                seen = replace(seen, pods={**seen.pods, thing.meta.name: thing})
            case Claim():
                seen = replace(seen, claims={**seen.claims, thing.meta.name: thing})
            case Secret():
                seen = replace(seen, secrets={**seen.secrets, thing.meta.name: thing})
            case Service():
                seen = replace(seen, services={**seen.services, thing.meta.name: thing})
            case Budget():
                seen = replace(seen, budgets={**seen.budgets, thing.meta.name: thing})
            case Stranger():
                seen = replace(seen, strangers=(*seen.strangers, thing))
            case Node():
                assert not isinstance(seen.nodes, Unknown), "nodes may not be read"
                seen = replace(seen, nodes={**seen.nodes, thing.name: thing})
    return seen


def without(seen: Observation, kind: Kind, *names: str) -> Observation:
    """The same moment without these objects of `kind`, or without any."""
    fields = {
        Kind.POD: ("pods", seen.pods),
        Kind.CLAIM: ("claims", seen.claims),
        Kind.SECRET: ("secrets", seen.secrets),
        Kind.SERVICE: ("services", seen.services),
        Kind.BUDGET: ("budgets", seen.budgets),
    }
    field, objects = fields[kind]
    left = {name: thing for name, thing in objects.items() if names and name not in names}
    assert not names or len(left) == len(objects) - len(names), f"not all of {names} are there to be left out"
    changed: dict[str, Any] = {field: left}
    return replace(seen, **changed)


def with_spec(seen: Observation, **changes: Any) -> Observation:
    """The same moment, but something else is asked for."""
    return replace(seen, cluster=replace(seen.cluster, spec=a_spec(**{"replicas": 3, **changes})))


def with_record(seen: Observation, **changes: Any) -> Observation:
    """The same moment, but something else was recorded."""
    return replace(seen, cluster=replace(seen.cluster, record=replace(seen.cluster.record, **changes)))


def with_status(seen: Observation, status: Json) -> Observation:
    """The same moment with the status that stands."""
    return replace(seen, cluster=replace(seen.cluster, status=status))


def with_data(secret: Secret, changes: Mapping[str, bytes | None]) -> Secret:
    """The same Secret with other values; None takes a key away."""
    data = {**secret.data, **changes}
    return replace(secret, data={key: value for key, value in data.items() if value is not None})


def _secrets(stage: Stage, tls: TLS, names: tuple[str, ...]) -> dict[str, Secret]:
    if stage < Stage.FOUNDED:
        return {}
    found = {name: a_secret(name, _authority_data(name)) for name in _authorities(tls)}
    if stage < Stage.CREDENTIALED:
        return found
    if tls.client is not ClientTLS.OFF:
        found[IDENTITY.operator_secret] = a_secret(IDENTITY.operator_secret, _client_data(tls.client, OPERATOR_USER))
    connection = {"endpoints": cluster_endpoint(IDENTITY, tls).encode()}
    connection |= _client_data(tls.client, IDENTITY.client_secret)
    found[IDENTITY.client_secret] = a_secret(IDENTITY.client_secret, connection)
    permission = WITHDRAWN if stage >= Stage.WITHDRAWN else initial_cluster(IDENTITY, names, tls)
    for name in names:
        found[name] = a_member_secret(name, permission, tls=tls)
    return found


def _authorities(tls: TLS) -> tuple[str, ...]:
    peer = (IDENTITY.peer_ca_secret,) if tls.peer is PeerTLS.MUTUAL else ()
    return (*peer, IDENTITY.client_ca_secret) if tls.client is not ClientTLS.OFF else peer


@lru_cache
def authority(name: str) -> pki.KeyPair:
    """The authority that the Secret `name` holds in every observation, made a day before NOW."""
    return pki.new_ca(name, fresh=pki.fresh(), now=NOW.replace(day=21))


@lru_cache
def _leaf(name: str, profile: pki.Profile, common_name: str, names: tuple[str, ...]) -> pki.KeyPair:
    return pki.issue(
        authority(name),
        profile,
        common_name=common_name,
        names=names,
        fresh=pki.fresh(),
        now=NOW.replace(day=21),
    )


def _authority_data(name: str) -> dict[str, bytes]:
    pair = authority(name)
    return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.certificate}


def _client_data(mode: ClientTLS, common_name: str) -> dict[str, bytes]:
    if mode is ClientTLS.OFF:
        return {}
    data = {"ca.crt": authority(IDENTITY.client_ca_secret).certificate}
    if mode is ClientTLS.MUTUAL:
        leaf = _leaf(IDENTITY.client_ca_secret, pki.Profile.CLIENT, common_name, ())
        data |= {"tls.crt": leaf.certificate, "tls.key": leaf.key}
    return data


def _member_data(name: str, tls: TLS) -> dict[str, bytes]:
    data: dict[str, bytes] = {}
    if tls.peer is PeerTLS.MUTUAL:
        leaf = _leaf(IDENTITY.peer_ca_secret, pki.Profile.PEER, name, peer_names(IDENTITY, name))
        data |= {"peer.crt": leaf.certificate, "peer.key": leaf.key}
        data["peer-ca.crt"] = authority(IDENTITY.peer_ca_secret).certificate
    if tls.client is not ClientTLS.OFF:
        leaf = _leaf(IDENTITY.client_ca_secret, pki.Profile.SERVER, name, server_names(IDENTITY, name))
        data |= {"server.crt": leaf.certificate, "server.key": leaf.key}
        data["client-ca.crt"] = authority(IDENTITY.client_ca_secret).certificate
    return data


def secret_json(secret: Secret) -> Json:
    """A Secret as the API server hands it out."""
    data = {key: base64.b64encode(value).decode() for key, value in secret.data.items()}
    return {**object_json(Kind.SECRET, secret.meta), "type": "Opaque", "data": data}


def object_json(kind: Kind, meta: Meta, **parts: Any) -> Json:
    """Any object as the API server hands it out, with `parts` such as spec and status."""
    about: Json = {
        "name": meta.name,
        "namespace": IDENTITY.namespace,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
        "creationTimestamp": "2026-11-22T11:59:30Z",
        "labels": dict(meta.labels),
        "annotations": dict(meta.annotations),
    }
    if meta.owner is not None:
        about["ownerReferences"] = [{**owner_reference(IDENTITY), "uid": meta.owner}]
    if meta.deleting:
        about["deletionTimestamp"] = "2026-11-22T11:59:59Z"
    return {"apiVersion": kind.value.api_version, "kind": kind.value.kind, "metadata": about, **deepcopy(parts)}
