"""What each Secret must hold: certificates that serve, and the permission of a first start while it may be used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.api.cluster import ClientTLS, PeerTLS
from etcd_operator.etcd.errors import hex_id
from etcd_operator.observation import Unknown
from etcd_operator.pki import KeyPair, Profile, ca_problem, reissue_reason
from etcd_operator.plan.model import Credentials, Leaf, Plan, WriteCredentials
from etcd_operator.resources import secret as keys
from etcd_operator.resources.names import (
    WITHDRAWN,
    cluster_endpoint,
    initial_cluster,
    member_of,
    peer_names,
    server_names,
)
from etcd_operator.resources.ownership import cluster_labels, member_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.observation import Secret
    from etcd_operator.plan.situation import Situation

OPERATOR_USER = "etcd-operator"
"""The operator's common name, which becomes its etcd user where authentication is on."""


def authorities(situation: Situation) -> tuple[str, ...]:
    """The authority Secrets that the cluster's TLS modes need: one for peers and one for clients, never one for both.

    With one for both, every application could speak raft on the peer port (etcd-rules.md §7).
    """
    identity, tls = situation.identity, situation.spec.tls
    peer = (identity.peer_ca_secret,) if tls.peer is PeerTLS.MUTUAL else ()
    return peer if tls.client is ClientTLS.OFF else (*peer, identity.client_ca_secret)


def may_make_authority(situation: Situation) -> bool:
    """Whether an authority that is missing may be made: not once a process may trust the one that was there."""
    return not situation.record.formed and not situation.seen.pods


def lost_authorities(situation: Situation) -> dict[str, str]:
    """Why an authority cannot sign any more, by its Secret's name.

    It is never replaced by another: members would stop trusting each other one by one.
    """
    lost: dict[str, str] = {}
    for name in authorities(situation):
        secret = situation.seen.secrets.get(name)
        if secret is not None:
            ca = KeyPair(secret.data.get(keys.CERTIFICATE, b""), secret.data.get(keys.KEY, b""))
            problem = ca_problem(ca, now=situation.seen.at)
            if problem is None and not secret.data.get(keys.CA_BUNDLE):
                problem = f"it has no {keys.CA_BUNDLE}"
            if problem is not None:
                lost[name] = problem
        elif not may_make_authority(situation):
            lost[name] = "it is gone, and with it the key that signs certificates"
    return lost


def keep(situation: Situation) -> Plan | None:
    """Write the Secrets that are missing or no longer as they must be, as far as their authorities can sign."""
    able = {name for name in authorities(situation) if name in situation.seen.secrets} - set(
        lost_authorities(situation)
    )
    steps = tuple(step for wanted in _wanted(situation) if (step := _write(situation, wanted, able)) is not None)
    if not steps:
        return None
    reason = "; ".join(sorted({step.why for step in steps}))
    return Plan("WriteCredentials", reason, situation.record, steps, wake_after=0)


def permitted(situation: Situation, member: str) -> bool:
    """Whether an empty data directory of `member` may be bootstrapped.

    Until the cluster has formed every first member may; afterwards only one that etcd itself lists as never started,
    or a newcomer that etcd does not list yet, whose process waits at the gate until it does. A permission that was
    withdrawn stays so: nothing makes a member that has started one that never did.
    """
    found = situation.seen.secrets.get(member)
    if found is not None and found.data.get(keys.INITIAL_CLUSTER) == WITHDRAWN.encode():
        return False
    if not situation.record.formed:
        return True
    if isinstance(situation.seen.etcd.members, Unknown):
        return False
    listed = situation.listed(member)
    return member in situation.record.joining if listed is None else not listed.started


def _wanted(situation: Situation) -> Iterator[Credentials]:
    identity, tls = situation.identity, situation.spec.tls
    labels, client_ca = cluster_labels(identity), identity.client_ca_secret
    bundles = {} if tls.client is ClientTLS.OFF else {keys.CA_BUNDLE: client_ca}
    if bundles:
        leaves = _client_leaf(tls.client, OPERATOR_USER, client_ca)
        yield Credentials(identity.operator_secret, labels, leaves, bundles, {})
    leaves = _client_leaf(tls.client, identity.client_secret, client_ca)
    yield Credentials(
        identity.client_secret, labels, leaves, bundles, {keys.ENDPOINTS: cluster_endpoint(identity, tls)}
    )
    for member in situation.record.present:
        if member in situation.seen.secrets or _may_know(situation, member):
            yield _member(situation, member)


def _may_know(situation: Situation, member: str) -> bool:
    """Whether the first Secret of `member` can say who the others are: that of a newcomer only by etcd's own list.

    Written without it, the Secret would withdraw a permission that was never given; one whose etcd has run has used it.
    """
    pod = situation.seen.pods.get(member)
    lived = pod is not None and pod.lived
    return member in situation.record.members or lived or not isinstance(situation.seen.etcd.members, Unknown)


def _client_leaf(mode: ClientTLS, common_name: str, authority: str) -> tuple[Leaf, ...]:
    return (Leaf("tls", Profile.CLIENT, common_name, (), authority),) if mode is ClientTLS.MUTUAL else ()


def _member(situation: Situation, member: str) -> Credentials:
    identity, tls = situation.identity, situation.spec.tls
    leaves: list[Leaf] = []
    bundles: dict[str, str] = {}
    if tls.peer is PeerTLS.MUTUAL:
        leaves.append(Leaf("peer", Profile.PEER, member, peer_names(identity, member), identity.peer_ca_secret))
        bundles[keys.PEER_CA] = identity.peer_ca_secret
    if tls.client is not ClientTLS.OFF:
        leaves.append(Leaf("server", Profile.SERVER, member, server_names(identity, member), identity.client_ca_secret))
        bundles[keys.CLIENT_CA] = identity.client_ca_secret
    texts = {keys.INITIAL_CLUSTER: permission(situation, member)}
    return Credentials(member, member_labels(identity, member), tuple(leaves), bundles, texts)


def permission(situation: Situation, member: str) -> str:
    """What the member's Secret says of its first start; as it stands while etcd cannot be asked.

    After the formation it is etcd's own list with the member in it, because etcd starts a newcomer with no other.
    """
    identity, tls, agreed = situation.identity, situation.spec.tls, situation.seen.etcd.members
    if permitted(situation, member):
        if isinstance(agreed, Unknown) or not situation.record.formed:
            return initial_cluster(identity, situation.record.members, tls)
        named = [(member_of(identity, entry.peer_urls, tls), entry) for entry in agreed.members]
        ours = {name for name, _ in named if name is not None}
        others = [(hex_id(entry.id), url) for name, entry in named if name is None for url in entry.peer_urls]
        return initial_cluster(identity, {*ours, member}, tls, others=others)
    found = situation.seen.secrets.get(member)
    if found is not None and isinstance(agreed, Unknown):
        return found.data.get(keys.INITIAL_CLUSTER, b"").decode() or WITHDRAWN
    return WITHDRAWN


def _write(situation: Situation, wanted: Credentials, able: set[str]) -> WriteCredentials | None:
    """The step that makes the Secret as `wanted`, with what the authorities in `able` can sign; None if it is."""
    found = situation.seen.secrets.get(wanted.name)
    signed = replace(
        wanted,
        leaves=tuple(leaf for leaf in wanted.leaves if leaf.authority in able),
        bundles={key: name for key, name in wanted.bundles.items() if name in able},
    )
    if found is None:
        if signed != wanted:
            return None
        return WriteCredentials(wanted, None, tuple(leaf.prefix for leaf in wanted.leaves), f"{wanted.name} is missing")
    issue = {leaf.prefix: reason for leaf in signed.leaves if (reason := _reissue(situation, found, leaf))}
    stale = [key for key, text in signed.texts.items() if found.data.get(key) != text.encode()]
    stale += [key for key, name in signed.bundles.items() if found.data.get(key) != _bundle(situation, name)]
    if not issue and not stale:
        return None
    reasons = [f"{prefix} certificate of {wanted.name}: {reason}" for prefix, reason in issue.items()]
    reasons += [f"{key} of {wanted.name} changes" for key in stale]
    return WriteCredentials(signed, found.meta, tuple(issue), ", ".join(reasons))


def _reissue(situation: Situation, found: Secret, leaf: Leaf) -> str | None:
    certificate, key = found.data.get(f"{leaf.prefix}.crt"), found.data.get(f"{leaf.prefix}.key")
    if certificate is None or key is None:
        return "missing"
    reason = reissue_reason(
        KeyPair(certificate, key),
        leaf.profile,
        common_name=leaf.common_name,
        names=leaf.names,
        bundle=_bundle(situation, leaf.authority),
        now=situation.seen.at,
    )
    return None if reason is None else str(reason)


def _bundle(situation: Situation, authority: str) -> bytes:
    """What members trust: an authority's bundle, which may hold a second one while authorities change."""
    return situation.seen.secrets[authority].data[keys.CA_BUNDLE]
