"""Which version the members run: the one that is asked for, as soon as there is a safe way to it from those that run.

It is accepted once, in the record, and every Pod is made of the accepted one: whatever else restarts a member, none
runs a version to which there was no safe way. Where the logs may have entries that the next version does not read, each
member is made to write a snapshot first, which is a roll of its own. Before a lower minor version, etcd itself is asked
to store all data so that this version opens it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from etcd_operator.etcd.versions import (
    READS_NONE_OF_3_5,
    doubt,
    needs_snapshot,
    objection,
    parse_version,
    running_version,
)
from etcd_operator.plan.model import Downgrade, Plan
from etcd_operator.plan.stopping import take, wait
from etcd_operator.resources.settings import MADE_FROM, made_of

if TYPE_CHECKING:
    from etcd_operator.etcd.versions import Version
    from etcd_operator.observation import Record
    from etcd_operator.plan.membership import Membership
    from etcd_operator.plan.situation import Situation

_DOWN = "PrepareData"


def accept_version(situation: Situation) -> Plan | None:
    """Record the version that is asked for; before the formation any, afterwards one that nothing stands against."""
    record, asked, listed = situation.record, situation.seen.cluster.spec.version, situation.membership
    corrected = _corrected(situation, listed)
    if corrected is not None or not record.members or record.version == asked:
        return corrected
    if record.formed and refusal(situation, listed) is not None:
        return None
    if listed is not None and _is_lower(listed, asked) and not _is_stored_for(listed, asked):
        return None
    oldest = _oldest(record, listed, asked)
    if listed is not None and _is_higher(listed, asked) and needs_snapshot(oldest, parse_version(asked)):
        if not record.snapshots:
            return Plan("PrepareVersion", _preparing(record, asked), replace(record, snapshots=True), wake_after=0)
        if not _have_snapshots(situation):
            return None
        oldest = parse_version(record.version or asked)
    oldest_log = None if oldest is None else str(oldest)
    # The way back to another minor version stays open, whichever release of the new one is tried meanwhile.
    within = record.formed and _minor(record.version or "") == _minor(asked)
    former = record.former if within else record.version
    accepted = replace(record, version=asked, former=former, oldest_log=oldest_log, snapshots=False)
    return Plan("AcceptVersion", _words(record.version, asked), accepted, wake_after=0)


def _corrected(situation: Situation, listed: Membership | None) -> Plan | None:
    """What has to be put right in the record before anything is decided by it; None if it is as it should be.

    A record that names no version, as after its loss, gets the one that runs. A lower one that was accepted because a
    member still ran it is void when that member is gone: the others' data is not stored for it any more. So is another
    minor version that no member runs when a third one is asked for: it may be none to which that one can be reached.
    """
    record = situation.record
    if record.formed and record.version is None:
        found = _running(situation, listed)
        words = f"members run etcd {found}"
        return None if found is None else Plan("AcceptVersion", words, replace(record, version=found), wake_after=0)
    if listed is not None and (why := _given_up(situation, listed)):
        lowest = str(min(running_version(status.version) for status in listed.statuses.values()))
        return Plan("AcceptVersion", why, replace(record, version=lowest, former=None), wake_after=0)
    if listed is not None and _is_over(situation, listed):
        words = f"every member runs etcd {record.version}: the way back to {record.former} is a downgrade"
        return Plan("AcceptVersion", words, replace(record, former=None), wake_after=0)
    if record.snapshots and _needs_no_snapshots(situation):
        words = f"members run etcd {record.version}: no snapshots are needed for the version that is asked for"
        return Plan("AcceptVersion", words, replace(record, snapshots=False), wake_after=0)
    return None


def _running(situation: Situation, listed: Membership | None) -> str | None:
    """The lowest version that members run, or without answers that Pods were made of; None if there are neither."""
    if listed is not None and listed.statuses:
        found = [running_version(status.version) for status in listed.statuses.values()]
    else:
        made = (made_of(pod.meta.annotations.get(MADE_FROM, "")) for pod in situation.seen.pods.values())
        found = [running_version(version) for version in made if version is not None]
    return str(min(found)) if found else None


def _given_up(situation: Situation, listed: Membership) -> str | None:
    """Why the version that runs takes the place of the accepted one; None if it does not."""
    accepted = situation.record.version
    if accepted is None:
        return None
    if _is_void(situation, listed, accepted):
        return f"no member runs etcd {accepted} any more, and no data is stored for it"
    if _is_unbegun(situation, listed, accepted):
        return f"no member runs etcd {accepted} yet, and {situation.seen.cluster.spec.version} is asked for"
    return None


def _is_void(situation: Situation, listed: Membership, accepted: str) -> bool:
    """Whether every member serves with data of a higher version than the accepted one, or does not come up at all.

    Who does not come up raises no doubt: it may be the accepted version that keeps it down.
    """
    unheard = {*situation.record.members, *listed.voters} - listed.serving
    return (
        all(_is_down(situation, name) for name in unheard)
        and _is_lower(listed, accepted)
        and not _is_stored_for(listed, accepted)
    )


def _is_down(situation: Situation, member: str) -> bool:
    """Whether the kubelet waits before it starts the member's etcd again, which has ended every time."""
    pod = situation.seen.pods.get(member)
    return pod is not None and pod.problem is not None and not (pod.running or pod.just_ended)


def _is_unbegun(situation: Situation, listed: Membership, accepted: str) -> bool:
    """Whether no member runs the minor version that was accepted, and another one is asked for by now."""
    running = {_minor(status.version) for status in listed.statuses.values()}
    begun = {*running, _minor(situation.seen.cluster.spec.version)}
    return listed.serving >= {*situation.record.members, *listed.voters} and _minor(accepted) not in begun


def _is_over(situation: Situation, listed: Membership) -> bool:
    """Whether every member runs the minor version that was accepted, so that none has data for the former one."""
    record = situation.record
    if record.former is None or record.version is None or _minor(record.former) == _minor(record.version):
        return False
    running = {_minor(status.version) for status in listed.statuses.values()}
    return listed.serving >= {*record.members, *listed.voters} and running == {_minor(record.version)}


def _needs_no_snapshots(situation: Situation) -> bool:
    """Whether what the members write snapshots for is not asked for any more, or never accepted."""
    running, target = situation.record.version or "", parse_version(situation.seen.cluster.spec.version)
    return (
        target.minor <= parse_version(running).minor
        or objection([parse_version(running)], target) is not None
        or doubtful(situation) is not None
    )


def prepare_data(situation: Situation) -> Plan | None:
    """Let etcd store its data for a lower minor version that is asked for, or end that when nobody asks any more.

    None when there is nothing of either to do, as while something stands against that version.
    """
    listed, asked = situation.membership, situation.seen.cluster.spec.version
    if listed is None or listed.leader is None:
        return None
    prepares = listed.statuses[listed.leader].downgrade_to
    if _is_lower(listed, asked) and refusal(situation, listed) is None:
        return _store_for(situation, listed, asked)
    running = [running_version(status.version) for status in listed.statuses.values()]
    possible = objection(running, parse_version(asked)) is None
    wanted = {_minor(situation.record.version or asked), *((_minor(asked),) if possible else ())}
    return _end_job(situation, listed.leader, prepares) if prepares and _minor(prepares) not in wanted else None


def _end_job(situation: Situation, leader: str, prepares: str) -> Plan:
    asked = situation.seen.cluster.spec.version
    why = f"etcd {asked} is asked for: data need not be stored for etcd {_minor(prepares)} any more"
    return take(situation, _DOWN, Downgrade(leader, None, why))


def _store_for(situation: Situation, listed: Membership, asked: str) -> Plan | None:
    """Ask for it, or wait until all members have done it; None when they have. etcd does one such job at a time."""
    leader, minor = listed.leader, _minor(asked)
    prepares = "" if leader is None else _minor(listed.statuses[leader].downgrade_to)
    if leader is not None and prepares and prepares != minor:
        return _end_job(situation, leader, prepares)
    if leader is not None and not prepares:
        why = f"members are to store their data so that etcd {minor} opens it, before one of them runs {asked}"
        return take(situation, _DOWN, Downgrade(leader, minor, why))
    if _is_stored_for(listed, asked):
        return None
    waiting = sorted(name for name, status in listed.statuses.items() if _minor(status.storage_version) != minor)
    return wait(situation, _DOWN, f"waiting for {', '.join(waiting)} to store data for etcd {minor}", soon=True)


def _is_lower(listed: Membership, asked: str) -> bool:
    """Whether every member runs a higher minor version."""
    running = [running_version(status.version) for status in listed.statuses.values()]
    return bool(running) and parse_version(asked).minor < min(running).minor


def _is_higher(listed: Membership, asked: str) -> bool:
    """Whether a member runs a lower minor version."""
    return any(
        running_version(status.version).minor < parse_version(asked).minor for status in listed.statuses.values()
    )


def _is_stored_for(listed: Membership, asked: str) -> bool:
    """Whether etcd says that it prepares for this version, and each member that its data is ready for it."""
    minor = _minor(asked)
    return listed.leader is not None and all(
        _minor(text) == minor
        for text in (
            listed.statuses[listed.leader].downgrade_to,
            *(status.storage_version for status in listed.statuses.values()),
        )
    )


def _minor(version: str) -> str:
    """The minor version, such as "3.6"; empty for none."""
    return ".".join(version.split(".")[:2])


def refusal(situation: Situation, listed: Membership | None) -> str | None:
    """Why the version that is asked for is not accepted now, with the way out; None if it is.

    Without a quorum the way back is always open: members that do not start with a version can do nothing worse with the
    one before, and a version that is too low for its data ends by itself.
    """
    record, target = situation.record, parse_version(situation.seen.cluster.spec.version)
    if listed is None:
        back = " or ".join(filter(None, (record.former, f"another release of etcd {_minor(record.version or '')}")))
        return None if _goes_back(situation) else f"no quorum serves: until one does, only {back} may be asked for"
    unheard = sorted(name for name in listed.listed if name not in listed.statuses)
    running = [running_version(status.version) for status in listed.statuses.values()]
    if not running:
        return f"which versions run is not known: {', '.join(unheard)} does not answer"
    why = objection(running, target) or (None if target in running else doubtful(situation))
    if why is not None:
        return why
    begun = [*running, parse_version(record.version)] if record.version is not None else running
    if min(begun).minor <= target.minor <= max(begun).minor:
        return None
    return _unready(situation, listed)


def _goes_back(situation: Situation) -> bool:
    """Whether the version that is asked for is the one before, or of the minor version that was accepted."""
    record, asked = situation.record, situation.seen.cluster.spec.version
    same = record.version is not None and _minor(asked) == _minor(record.version) and doubtful(situation) is None
    return asked == record.former or same


def _oldest(record: Record, listed: Membership | None, asked: str) -> Version | None:
    """The lowest version whose entries the logs may have from now on; None if nobody knows.

    What every member has read as a version that reads none of 3.5 has none of 3.5.
    """
    if listed is not None and listed.serving >= listed.voters.keys():
        lowest = min(running_version(status.version) for status in listed.statuses.values())
        if lowest >= READS_NONE_OF_3_5:
            return min(lowest, parse_version(asked))
    if record.oldest_log is None:
        return None if record.formed else parse_version(asked)
    return min(parse_version(record.oldest_log), parse_version(asked))


def _have_snapshots(situation: Situation) -> bool:
    """Whether each member runs in a Pod that was made to write a snapshot, as it does before it serves.

    That all of them serve has been asked before.
    """
    return all(
        (pod := situation.seen.pods.get(name)) is not None and not situation.outdated(pod)
        for name in situation.record.members
    )


def _preparing(record: Record, asked: str) -> str:
    return f"each member writes a snapshot with etcd {record.version}: etcd {asked} does not read what 3.5 wrote"


def doubtful(situation: Situation) -> str | None:
    """Why the version that is asked for should not run at all; None if it may, or if the user wants it all the same."""
    asked = situation.seen.cluster.spec
    return None if asked.allow_unsafe_version else doubt(parse_version(asked.version))


def _unready(situation: Situation, listed: Membership) -> str | None:
    """What etcd's guides want in order before the first member runs another minor version."""
    record = situation.record
    ready = listed.staying & listed.serving
    missing = sorted(name for name in (*record.members, *listed.voters) if name not in ready)
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
