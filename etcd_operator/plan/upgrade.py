"""Which version the members run: the one that is asked for, as soon as there is a safe way to it from those that run.

It is accepted once, in the record, and every Pod is made of the accepted one: whatever else restarts a member, none
runs a version to which there was no safe way. Where the logs may have entries that the next version does not read, each
member is made to write a snapshot first, which is a roll of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import needs_snapshot, objection, parse_version
from etcd_operator.plan.membership import membership
from etcd_operator.plan.model import Plan
from etcd_operator.plan.rollout import outdated

if TYPE_CHECKING:
    from etcd_operator.etcd.versions import Version
    from etcd_operator.observation import Record
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.situation import Situation


def accept_version(situation: Situation) -> Plan | None:
    """Record the version that is asked for; before the formation any, afterwards one that nothing stands against."""
    record, asked = situation.record, situation.seen.cluster.spec.version
    if not record.members or record.version == asked:
        return _stay(situation) if record.snapshots else None
    listed = membership(situation)
    if record.formed and (listed is None or refusal(situation, listed) is not None):
        return None
    oldest = _oldest(record, asked)
    if record.formed and needs_snapshot(oldest, parse_version(asked)):
        if not record.snapshots:
            return Plan("PrepareVersion", _preparing(record, asked), replace(record, snapshots=True), wake_after=0)
        if not _have_snapshots(situation):
            return None
        oldest = parse_version(record.version or asked)
    accepted = replace(record, version=asked, oldest_log=None if oldest is None else str(oldest), snapshots=False)
    return Plan("AcceptVersion", _words(record.version, asked), accepted, wake_after=0)


def refusal(situation: Situation, listed: Membership) -> str | None:
    """Why the version that is asked for is not accepted now, with the way out; None if it is."""
    target = parse_version(situation.seen.cluster.spec.version)
    unheard = sorted(name for name in listed.listed if name not in listed.statuses)
    running = [parse_version(status.version) for status in listed.statuses.values()]
    if not running:
        return f"which versions run is not known: {', '.join(unheard)} does not answer"
    if why := objection(running, target):
        return why
    if target.minor <= max(running).minor:
        return None
    return _unready(situation, listed)


def _stay(situation: Situation) -> Plan:
    words = f"members run etcd {situation.record.version}, and no other version is asked for any more"
    return Plan("AcceptVersion", words, replace(situation.record, snapshots=False), wake_after=0)


def _oldest(record: Record, asked: str) -> Version | None:
    """The lowest version whose entries the logs may have from now on; None if nobody knows."""
    if record.oldest_log is None:
        return None if record.formed else parse_version(asked)
    return min(parse_version(record.oldest_log), parse_version(asked))


def _have_snapshots(situation: Situation) -> bool:
    """Whether each member runs in a Pod that was made to write a snapshot, as it does before it serves.

    That all of them serve has been asked before.
    """
    return all(
        (pod := situation.seen.pods.get(name)) is not None and not outdated(situation, pod)
        for name in situation.record.members
    )


def _preparing(record: Record, asked: str) -> str:
    return f"each member writes a snapshot with etcd {record.version}: etcd {asked} does not read what 3.5 wrote"


def _unready(situation: Situation, listed: Membership) -> str | None:
    """What etcd's guides want in order before the first member runs another minor version."""
    record = situation.record
    missing = sorted(name for name in (*record.members, *listed.voters) if name not in listed.staying)
    if missing:
        numbers = f"{len(listed.healthy)} of {listed.size} voters healthy"
        return f"all members must serve before another minor version is begun: {numbers}; waiting for {missing[0]}"
    if listed.learners or listed.foreign or record.joining or record.removing is not None:
        return "the members are being changed: another minor version is begun when that is done"
    alarms = sorted({error.strip() for status in listed.statuses.values() for error in status.errors})
    return f"etcd reports {alarms[0]}: another minor version is begun when that is mended" if alarms else None


def _words(former: str | None, asked: str) -> str:
    if former is None:
        return f"members run etcd {asked}"
    words = f"etcd {asked} takes the place of {former}"
    if parse_version(former).minor < parse_version(asked).minor:
        words += f"; as long as a member runs {former}, writing that version again goes back"
    return words
