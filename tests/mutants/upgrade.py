"""Without these, members would run a version to which there is no safe way."""

from __future__ import annotations

from tests.mutants.mutation import of

WAYS = of(
    "etcd/versions.py",
    (
        "one minor version at a time",
        "    if target.minor > lowest.minor + 1:\n",
        "    if target.minor > lowest.minor + 2:\n",
    ),
    ("the gate to a minor version", " and lowest < GATES[target.minor]:", " and highest < GATES[target.minor]:"),
    (
        "no way down that is none up",
        "    if target.minor < lowest.minor and target < GATES[highest.minor]:\n",
        "    if not running:\n",
    ),
    (
        "one minor version down at a time, of whoever runs the highest",
        "    if target.minor < highest.minor - 1:\n",
        "    if target.minor < lowest.minor - 1:\n",
    ),
)

UPGRADE = of(
    "plan/upgrade.py",
    (
        "the former version is a way back as long as a member is silent",
        "return listed.serving >= {*record.members, *listed.voters} and running == {_minor(record.version)}",
        "return running == {_minor(record.version)}",
    ),
    (
        "it is one as long as a member runs it",
        "listed.voters} and running == {_minor(record.version)}",
        "listed.voters}",
    ),
    (
        "another release of the same minor version stays a way back",
        " or _minor(record.former) == _minor(record.version):",
        ":",
    ),
    (
        "nothing is accepted that is refused",
        "if record.formed and refusal(situation, listed) is not None:",
        "if not record:",
    ),
    ("without a quorum only the way back is open", "return None if _goes_back(situation) else f", "return f"),
    (
        "without a quorum no other version is accepted",
        "return None if _goes_back(situation) else f",
        "return None if situation else f",
    ),
    ("the version before may be asked for again", "return asked == record.former or same", "return same"),
    ("another release may be asked for", "return asked == record.former or same", "return asked == record.former"),
    (
        "what the first member does not start with is replaced at once",
        "begun = [*running, parse_version(record.version)] if record.version is not None else running",
        "begun = running",
    ),
    ("nothing is accepted against an objection", "why = objection(running, target) or (", "why = ("),
    (
        "no release that should not run is begun",
        "(None if target in running else doubtful(situation))",
        "None",
    ),
    (
        "the way back to a bad release is open",
        "(None if target in running else doubtful(situation))",
        "doubtful(situation)",
    ),
    ("the user may want a bad release", "return None if asked.allow_unsafe_version else", "return"),
    (
        "another minor version is begun with all in order",
        "    return _unready(situation, listed)\n\n\ndef",
        "    return None\n\n\ndef",
    ),
    (
        "a release, and the way back, wait for nobody",
        "    if min(begun).minor <= target.minor <= max(begun).minor:\n        return None\n",
        "",
    ),
    ("all members serve before another minor version", "    if missing:\n", "    if missing and not record.members:\n"),
    (
        "the members do not change before another minor version",
        "    if listed.learners or listed.foreign or record.joining or record.removing is not None:\n",
        "    if not record.members:\n",
    ),
    ("no alarm stands before another minor version", " if alarms else None", " if not situation else None"),
)

SNAPSHOTS = of(
    "plan/upgrade.py",
    (
        "no log with entries of 3.5 is read by 3.7",
        "if listed is not None and _is_higher(listed, asked) and needs_snapshot(oldest, parse_version(asked)):",
        "if listed is not None and not record.members:",
    ),
    (
        "every member writes a snapshot first",
        "        if not _have_snapshots(situation):\n            return None\n",
        "",
    ),
    (
        "a member without a Pod has written none",
        "(pod := situation.seen.pods.get(name)) is not None and not situation.outdated(pod)",
        "(pod := situation.seen.pods.get(name)) is None or not situation.outdated(pod)",
    ),
    (
        "an older version's entries stay what they are",
        "return min(parse_version(record.oldest_log), parse_version(asked))",
        "return parse_version(asked)",
    ),
    (
        "of a log that nobody knows nothing is supposed",
        "return None if record.formed else parse_version(asked)",
        "return parse_version(asked)",
    ),
    (
        "a preparation ends with what it was for",
        "if record.snapshots and _needs_no_snapshots(situation):",
        "if record.snapshots and not record.members:",
    ),
    (
        "a preparation for what is refused ends",
        "or objection([parse_version(running)], target) is not None\n        or doubtful(situation) is not None",
        "",
    ),
)

LOWER = of(
    "plan/upgrade.py",
    (
        "a record without a version gets the one that runs",
        "    if record.formed and record.version is None:\n",
        "    if not record:\n",
    ),
    (
        "a lower version that nobody runs is void",
        "    if _is_void(situation, listed, accepted):\n",
        "    if not accepted:\n",
    ),
    (
        "a silent member may still run the lower version",
        "        all(_is_down(situation, name) for name in unheard)\n        and _is_lower",
        "        _is_lower",
    ),
    (
        "a version that keeps a member from running can be void",
        "        all(_is_down(situation, name) for name in unheard)\n        and _is_lower",
        "        not unheard\n        and _is_lower",
    ),
    (
        "a version that nobody runs yet makes way for a third one",
        "    if _is_unbegun(situation, listed, accepted):\n",
        "    if not accepted:\n",
    ),
    (
        "a silent member may run the version that was begun",
        "listed.serving >= {*situation.record.members, *listed.voters} and _minor(accepted) not in begun",
        "_minor(accepted) not in begun",
    ),
    ("what a member runs has begun", "begun = {*running, ", "begun = {"),
    (
        "another release of the accepted minor version is no third one",
        "begun = {*running, _minor(situation.seen.cluster.spec.version)}",
        "begun = running",
    ),
    (
        "who is about to start again may run the lower version",
        "pod.problem is not None and not (pod.running or pod.just_ended)",
        "pod.problem is not None and not pod.running",
    ),
    ("a version for which data is stored is not void", "        and not _is_stored_for(listed, accepted)\n", ""),
    (
        "no lower version runs on data that is not stored for it",
        "if listed is not None and _is_lower(listed, asked) and not _is_stored_for(listed, asked):",
        "if listed is not None and not record.members:",
    ),
    (
        "nothing is stored for a version against which something stands",
        "if _is_lower(listed, asked) and refusal(situation, listed) is None:",
        "if _is_lower(listed, asked):",
    ),
    (
        "what is under way is not asked for again",
        "    if leader is not None and not prepares:\n",
        "    if leader is not None:\n",
    ),
    (
        "a job for another version is ended first",
        "    if leader is not None and prepares and prepares != minor:\n",
        "    if leader is not None and prepares and not minor:\n",
    ),
    (
        "what nobody can be brought to keeps no job",
        "*((_minor(asked),) if possible else ())",
        "_minor(asked)",
    ),
    ("the way back stays open within a minor version", "record.former if within else record.version", "record.version"),
    (
        "every member has stored its data",
        "            *(status.storage_version for status in listed.statuses.values()),\n",
        "",
    ),
    (
        "etcd still says that it does so",
        "            listed.statuses[listed.leader].downgrade_to,\n            *(",
        "            *(",
    ),
    (
        "what members are being brought to is not ended",
        "{_minor(situation.record.version or asked), *(",
        "{*(",
    ),
    ("a mute member does not serve", "ready = listed.staying & listed.serving", "ready = listed.staying"),
)

ALL = (*LOWER, *SNAPSHOTS, *WAYS, *UPGRADE)
