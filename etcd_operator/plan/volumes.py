"""Volumes follow the spec: Kubernetes expands them, or members with a volume as asked for take the place of the others.

| the volume of a member | is |
| --- | --- |
| too small, of a StorageClass that allows expansion | expanded in place, one after the other |
| too small, of one that does not; or of another StorageClass | left behind with its member: a newcomer votes first |

The second way costs a copy of the data for each member, so it is taken only with `storage.resize: Replace`. A volume
that is larger than asked for is as good as any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.api.cluster import Resize
from etcd_operator.observation import Unknown
from etcd_operator.plan.model import Patch
from etcd_operator.plan.stopping import take, wait
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.quantity import quantity, whole_number

if TYPE_CHECKING:
    from etcd_operator.observation import Claim
    from etcd_operator.plan.model import Plan
    from etcd_operator.plan.situation import Situation

_ACTION = "ExpandVolumes"


def grow(situation: Situation) -> Plan | None:
    """Have Kubernetes expand the next volume that is too small; None if none is, or none can be.

    One after the other, so that a storage that fails at it fails with one member.
    """
    if not situation.record.formed:
        return None
    asked = whole_number(situation.spec.storage.size)
    claims = {name: claim for name in situation.record.members if (claim := situation.seen.claims.get(name))}
    for name, claim in claims.items():
        if claim.grows and claim.size <= asked:
            words = f"waiting for the volume of {name} to have {quantity(claim.size)}"
            return wait(situation, _ACTION, ": ".join(filter(None, (words, claim.growth))))
    for name, claim in claims.items():
        if _is_to_grow(situation, claim) and unfit(situation, name) is None and not claim.meta.deleting:
            size = situation.spec.storage.size
            why = f"the volume of {name} is to have {size} in place of {quantity(claim.size)}"
            patch = {"spec": {"resources": {"requests": {"storage": size}}}}
            return take(situation, _ACTION, Patch(Kind.CLAIM, claim.meta, patch, why))
    return None


def _is_to_grow(situation: Situation, claim: Claim) -> bool:
    """Whether Kubernetes is to be asked for another size; a volume that does not reach one may be asked for less."""
    asked = whole_number(situation.spec.storage.size)
    too_much = claim.grows and claim.size > asked > (claim.capacity or 0)
    return claim.bound and (too_much or _is_small(situation, claim))


def unfit(situation: Situation, member: str) -> str | None:
    """Why the volume of `member` can never be as asked for; None if it is, or can be, or is not there at all."""
    claim, storage = situation.seen.claims.get(member), situation.spec.storage
    if claim is None:
        return None
    if _is_of_another_class(situation, claim):
        return f"its volume is of StorageClass {claim.class_name or 'none'}, and {storage.class_name} is asked for"
    if _is_small(situation, claim) and not _may_expand(situation, claim):
        words = f"its volume has {quantity(claim.holds)}, and {storage.size} is asked for"
        return f"{words}, which StorageClass {claim.class_name or 'none'} cannot expand it to"
    return None


def replaceable(situation: Situation, member: str) -> str | None:
    """Why `member` is to make way for a newcomer with another volume; None if it is not."""
    return unfit(situation, member) if situation.spec.storage.resize is Resize.REPLACE else None


def waits_in_vain(situation: Situation, member: str) -> bool:
    """Whether `member`, which never had a volume, waits for another one than would be asked for now."""
    pod, claim = situation.seen.pods.get(member), situation.seen.claims.get(member)
    if claim is None or claim.bound:
        return False
    waits = claim.problem is not None or (pod is not None and pod.problem is not None)
    same_size = claim.size == whole_number(situation.spec.storage.size)
    return waits and (not same_size or _is_of_another_class(situation, claim))


def _is_of_another_class(situation: Situation, claim: Claim) -> bool:
    """Whether another StorageClass is asked for; without a name in the spec any will do."""
    wanted = situation.spec.storage.class_name
    return wanted is not None and claim.class_name != wanted


def _is_small(situation: Situation, claim: Claim) -> bool:
    return claim.holds < whole_number(situation.spec.storage.size)


def _may_expand(situation: Situation, claim: Claim) -> bool:
    """Whether the claim's StorageClass allows it.

    Where the operator may not read classes, the API server answers that: it refuses what cannot be; and who asks for
    replacement gets it.
    """
    classes = situation.seen.classes
    if isinstance(classes, Unknown):
        return situation.spec.storage.resize is Resize.EXPAND
    return claim.class_name is not None and classes.get(claim.class_name, False)
