"""What must hold of a cluster whatever happened to it."""

from e2e.support.clusters import EtcdCluster
from e2e.support.kube import Kind
from e2e.support.waiting import eventually
from etcd_operator.resources.names import Identity

CLEARED_AWAY_WITHIN = 60.0
"""Seconds for Kubernetes to end the objects of members that were given up."""


def has_exactly(cluster: EtcdCluster, size: int) -> None:
    """Return when the cluster has `size` members, by etcd's own list, with one object of each kind, and no stray one.

    Raises AssertionError at once when members disagree about which cluster they are.
    """
    members = set(cluster.members())
    assert len(members) == size, f"{size} members were asked for, {len(members)} are recorded"
    eventually(lambda: _no_stray(cluster, members), within=CLEARED_AWAY_WITHIN)
    latched = int(cluster.status()["clusterID"], 16)
    with cluster.etcd() as etcd:
        listed = {member.name for member in etcd.member_list().members}
        answered = {member: status.cluster_id for member, status in etcd.statuses().items()}
    assert listed == members, f"etcd lists {sorted(listed)}, recorded are {sorted(members)}"
    assert answered == dict.fromkeys(members, latched), f"not of one cluster: {answered}, latched is {latched}"


def has_the_same_data_everywhere(cluster: EtcdCluster) -> None:
    """Raises AssertionError when members differ in any key up to one that is written for this."""
    with cluster.etcd() as etcd:
        revision = etcd.put("written", "last")
        assert {etcd.get("written", member=member) for member in etcd.members()} == {"last"}
        hashes = {member: etcd.hash_kv(member, revision) for member in etcd.members()}
    assert len(set(hashes.values())) == 1, f"members differ: {hashes}"


def _no_stray(cluster: EtcdCluster, members: set[str]) -> None:
    identity = Identity(cluster.name, cluster.namespace, cluster.uid())
    shared = {
        identity.client_secret,
        identity.operator_secret,
        identity.peer_ca_secret,
        identity.client_ca_secret,
    }
    wanted = {
        Kind.POD: members,
        Kind.CLAIM: members,
        Kind.SERVICE: {*members, identity.client_service},
        Kind.SECRET: {*members, *shared},
        Kind.BUDGET: {identity.disruption_budget},
    }
    for kind, names in wanted.items():
        found = {body["metadata"]["name"] for body in cluster.owned(kind)}
        assert found == names, f"{kind.value.plural}: stray {sorted(found - names)}, missing {sorted(names - found)}"
    (budget,) = cluster.owned(Kind.BUDGET)
    needed = len(members) // 2 + 1
    assert budget["spec"]["minAvailable"] == needed, f"the budget keeps {budget['spec']['minAvailable']}, not {needed}"
