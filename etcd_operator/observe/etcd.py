"""Asks every running member, all at once and each with a deadline: a dead member never delays the others' answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from etcd_operator.api.cluster import ClientTLS
from etcd_operator.etcd.client import Endpoint, Tls
from etcd_operator.etcd.errors import EtcdError, WrongClusterError
from etcd_operator.observation import Etcd, MemberView, Unknown
from etcd_operator.resources.names import CLIENT_PORT, METRICS_PORT, Identity, member_host
from etcd_operator.resources.secret import CA_BUNDLE, CERTIFICATE, KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from etcd_operator.etcd.client import EtcdClient
    from etcd_operator.observe.kubernetes import Objects

Answer = TypeVar("Answer")

DEADLINE = 2.0
"""Seconds for one question to one member: longer than a disk's hiccup, short enough for a status that is not stale."""

IMPATIENT_DEADLINE = 0.25
"""Seconds for a member that is not expected to answer, so that no pass waits for it: on a node that Kubernetes itself
hears no more, or one that takes no clients yet, whose port takes connections long before it serves them. The dial goes
on between two passes, so a slow one is heard by the next."""


async def read(etcd: EtcdClient, objects: Objects) -> Etcd:
    """Ask each Pod that has an address for its status and the member list.

    `members` is the first list that a quorum agreed on, `Unknown` if no member could give one. An answer of another
    cluster than the recorded one counts as no answer.
    """
    endpoints = _endpoints(objects)
    await etcd.keep(endpoints)
    answers = await asyncio.gather(
        *(
            _ask(etcd, endpoint, within=_deadline(objects, name), starts=not objects.pods[name].serving)
            for name, endpoint in endpoints.items()
        )
    )
    views = dict(zip(endpoints, answers, strict=True))
    said = sorted((view.agreed for view in answers), key=lambda agreed: isinstance(agreed, Unknown))
    return Etcd(views=views, members=said[0] if said else Unknown("no member runs"), endpoints=endpoints)


def _deadline(objects: Objects, member: str) -> float:
    known = {} if isinstance(objects.nodes, Unknown) else objects.nodes
    pod = objects.pods[member]
    node = known.get(pod.node or "")
    return DEADLINE if pod.serving and (node is None or node.ready) else IMPATIENT_DEADLINE


def _endpoints(objects: Objects) -> dict[str, Endpoint]:
    """Where each member answers: the address of its Pod, which no name service can spoil and no proxy can delay."""
    cluster = objects.cluster
    identity = Identity(cluster.meta.name, cluster.namespace, cluster.meta.uid)
    encrypted, secret = cluster.spec.tls.client is not ClientTLS.OFF, objects.secrets.get(identity.operator_secret)
    if encrypted and (secret is None or CA_BUNDLE not in secret.data):
        return {}
    endpoints: dict[str, Endpoint] = {}
    for pod in objects.pods.values():
        if pod.ip is None or not pod.running:
            continue
        tls = None
        if encrypted and secret is not None:
            data = secret.data
            tls = Tls(data[CA_BUNDLE], data.get(CERTIFICATE), data.get(KEY), member_host(identity, pod.member))
        host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
        endpoints[pod.member] = Endpoint(
            pod.member, f"{host}:{CLIENT_PORT}", tls, cluster.record.cluster_id, f"http://{host}:{METRICS_PORT}"
        )
    return endpoints


async def _ask(etcd: EtcdClient, endpoint: Endpoint, *, within: float, starts: bool) -> MemberView:
    status, agreed, takes_part = await asyncio.gather(
        _or_error(etcd.status(endpoint, within=within)),
        _or_error(etcd.member_list(endpoint, within=within)),
        etcd.takes_part(endpoint, within=within) if starts else _not_asked(),
    )
    # Its metrics port does not say of which cluster it is.
    elsewhere = any(isinstance(answer, WrongClusterError) for answer in (status, agreed))
    return MemberView(_or_unknown(status), _or_unknown(agreed), takes_part=takes_part and not elsewhere)


async def _not_asked() -> bool:
    return False


async def _or_error(question: Awaitable[Answer]) -> Answer | EtcdError:
    try:
        return await question
    except EtcdError as error:
        return error


def _or_unknown(answer: Answer | EtcdError) -> Answer | Unknown:
    return Unknown(str(answer)) if isinstance(answer, EtcdError) else answer
