"""What every concern of the planner is given: the snapshot, and the few things that are not observed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import knows_flag, parse_version
from etcd_operator.observation import Unknown
from etcd_operator.plan.membership import read_membership
from etcd_operator.resources.names import SUFFIX_ALPHABET, SUFFIX_LENGTH, Identity, member_name, member_of, peer_url
from etcd_operator.resources.pod import tag
from etcd_operator.resources.settings import MADE_FROM, changed_since, made_of

if TYPE_CHECKING:
    from etcd_operator.api.cluster import ClusterSpec
    from etcd_operator.etcd.client import Member
    from etcd_operator.observation import Observation, Pod, Record
    from etcd_operator.plan.membership import Membership
    from etcd_operator.resources.pod import StartCheckImage


@dataclass(frozen=True)
class Situation:
    """One cluster at one moment. `entropy` is fresh for every pass: names are drawn from it."""

    # Without slots, for what every concern asks and is worked out once.

    seen: Observation
    gate: StartCheckImage
    entropy: bytes

    @property
    def identity(self) -> Identity:
        """Whose objects they are."""
        cluster = self.seen.cluster
        return Identity(cluster.meta.name, cluster.namespace, cluster.meta.uid)

    @cached_property
    def membership(self) -> Membership | None:
        """Who is a member, by etcd's own word; None if the cluster has not formed, or no quorum could be asked."""
        return read_membership(self)

    @cached_property
    def spec(self) -> ClusterSpec:
        """What is asked for, with the version that was accepted, and with what prepares for the next (upgrade.py).

        Flags that are meant for a version which is not accepted yet would keep a member of this one from starting.
        """
        spec, record = self.seen.cluster.spec, self.record
        if record.version is None or (record.version == spec.version and not record.snapshots):
            return spec
        version = parse_version(record.version)
        known = {name: value for name, value in spec.etcd.extra_args.items() if knows_flag(version, name)}
        etcd = replace(spec.etcd, extra_args=known)
        return replace(spec, version=record.version, etcd=replace(etcd, snapshot_count=1) if record.snapshots else etcd)

    def spec_of(self, member: str) -> ClusterSpec:
        """`spec` on the volume that the member has, or is about to have."""
        claim = self.seen.claims.get(member)
        holds = None if claim is None else claim.capacity or claim.size
        return replace(self.spec, storage=replace(self.spec.storage, holds=holds))

    def outdated(self, pod: Pod) -> tuple[str, ...]:
        """The settings that the user has changed since the Pod was made, in the spec or on the Pod itself.

        Another image on the Pod would run another version past all that is asked before. What an admission webhook
        made of the image when the Pod was made is no such change: the next Pod would be the same.
        """
        annotation = pod.meta.annotations.get(MADE_FROM, "")
        changed = changed_since(annotation, self.spec_of(pod.member))
        exchanged = pod.edited and tag(pod.image) not in {"", f"v{made_of(annotation)}"}
        return changed or (("the image of the Pod",) if exchanged else ())

    @property
    def record(self) -> Record:
        """What was recorded."""
        return self.seen.cluster.record

    def with_record(self, record: Record) -> Situation:
        """The same moment, as it will be once `record` is written."""
        return replace(self, seen=replace(self.seen, cluster=replace(self.seen.cluster, record=record)))

    def listed(self, member: str) -> Member | None:
        """The member in etcd's own list, by its peer URL; None if it is not in it, or if the list is unknown."""
        members = self.seen.etcd.members
        if isinstance(members, Unknown):
            return None
        url = peer_url(self.identity, member, self.spec.tls)
        return next((listed for listed in members.members if url in listed.peer_urls), None)

    def fresh_names(self, count: int) -> tuple[str, ...]:
        """`count` member names that nothing of this cluster has: names are never used again."""
        used, names, turn = self._names_in_use(), list[str](), 0
        while len(names) < count:
            name = member_name(self.identity, _suffix(self.entropy, turn))
            turn += 1
            if name not in used:
                names.append(name)
                used.add(name)
        return tuple(names)

    def _names_in_use(self) -> set[str]:
        record, seen = self.record, self.seen
        listed = () if isinstance(seen.etcd.members, Unknown) else seen.etcd.members.members
        in_list = {member_of(self.identity, entry.peer_urls, self.spec.tls) for entry in listed}
        return {
            *record.present,
            *(leaver.member for leaver in record.left),
            *(name for name in in_list if name is not None),
            *seen.pods,
            *seen.claims,
            *seen.secrets,
            *seen.services,
        }


def _suffix(entropy: bytes, turn: int) -> str:
    digest = hashlib.sha256(entropy + turn.to_bytes(4, "big")).digest()
    return "".join(SUFFIX_ALPHABET[byte % len(SUFFIX_ALPHABET)] for byte in digest[:SUFFIX_LENGTH])
