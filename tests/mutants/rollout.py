"""Without these, a change of the spec would reach the members at the wrong moment or in the wrong order."""

from __future__ import annotations

from tests.mutants.mutation import of

STOPPING = of(
    "plan/stopping.py",
    (
        "every proxy has time to send clients elsewhere",
        "if not timedelta(0) <= passed < lasting:",
        "if not timedelta(0) <= passed < timedelta(0):",
    ),
    (
        "a node that is away is told where a Pod does not stop",
        'reason if absence is None else f"{reason}; {absence.words}"',
        "reason",
    ),
    (
        "a clock that was wrong keeps no member",
        "if not timedelta(0) <= passed < lasting:",
        "if not passed < lasting:",
    ),
)

ROLLOUT = of(
    "plan/rollout.py",
    (
        "nobody is rolled while a stranger is in the list",
        "if listed.foreign or listed.learners or",
        "if listed.learners or",
    ),
    ("nobody is rolled while a learner catches up", "if listed.foreign or listed.learners or", "if listed.foreign or"),
    ("nobody is rolled while another leaves", " or situation.record.removing is not None:", ":"),
    (
        "nobody is rolled while the members change",
        " or following is None or _changes(situation) or prepare_data",
        " or following is None or prepare_data",
    ),
    (
        "nobody is rolled while etcd is told for which version to store its data",
        "or _changes(situation) or prepare_data(situation) is not None:",
        "or _changes(situation):",
    ),
    (
        "who is ready may have clients although it does not answer",
        "if (others_serve or pod.ready) and pod.serving",
        "if others_serve and pod.serving",
    ),
    (
        "a Pod that runs has its turn",
        "if pod.problem is None or pod.just_ended or is_last_hold",
        "if pod.just_ended or is_last_hold",
    ),
    (
        "a Pod that is about to be started again has its turn",
        "if pod.problem is None or pod.just_ended or is_last_hold",
        "if pod.problem is None or is_last_hold",
    ),
    (
        "a Pod that is all that keeps its data is not ended",
        "or pod.just_ended or is_last_hold(situation, pod.member):",
        "or pod.just_ended:",
    ),
    ("a Pod that never ran needs no turn", "    if not pod.lived:\n        return True\n", ""),
    (
        "a Pod that does not run needs no turn",
        "return pod.restarts >= HOPELESS or not _is_doubtful(situation, pod.member)",
        "return pod.restarts >= HOPELESS",
    ),
    (
        "nobody is given out of turn what another does not come up with",
        "return pod.restarts >= HOPELESS or not _is_doubtful(situation, pod.member)",
        "return True",
    ),
    (
        "who has failed often is given what is asked for",
        "return pod.restarts >= HOPELESS or not _is_doubtful(situation, pod.member)",
        "return not _is_doubtful(situation, pod.member)",
    ),
    (
        "only who is as specified makes what is asked for doubtful",
        "return any(not pod.ready and not situation.outdated(pod) for pod in others)",
        "return any(not pod.ready for pod in others)",
    ),
    ("the last hold on data is not let go for a change", "        and not is_last_hold(situation, name)\n", ""),
    (
        "nobody gets a quota that the database has outgrown",
        "        and too_large_database(situation, listed, name) is None\n",
        "",
    ),
    ("a Pod is asked once to stop", "    if situation.seen.pods[member].meta.deleting:\n", "    if not member:\n"),
    ("the next one waits for all others", "    if following.awaited:\n", "    if not following.awaited:\n"),
    (
        "what cannot get on is told as an obstacle",
        "    if any(pod.problem is not None for pod in pods):\n        return None\n",
        "",
    ),
    (
        "one that nobody hears stays where the quorum may stand on it",
        "return len(listed.healthy) >= quorum(listed.size)",
        "return bool(listed.healthy)",
    ),
    ("one that does not serve is not waited for", " and member in listed.healthy)", ")"),
    (
        "one that does not serve goes first",
        "return name in listed.healthy, name ==",
        "return name not in listed.healthy, name ==",
    ),
    ("a lost node is waited for", "        and loss(situation, name) is None\n", ""),
    (
        "the leader is the last",
        "return name in listed.healthy, name == listed.leader",
        "return name in listed.healthy, name != listed.leader",
    ),
    (
        "who takes no clients any more goes on",
        "situation.seen.pods[name].serving, name",
        "not situation.seen.pods[name].serving, name",
    ),
    ("the Service is ready before the next one", "pod.ready and pod.serving and _is_back", "pod.serving and _is_back"),
    ("clients are back before the next one", "pod.ready and pod.serving and _is_back", "pod.ready and _is_back"),
    ("the next one waits for the data", "name in listed.staying and listed.caught_up(name)", "name in listed.staying"),
    ("the next one waits for health", "name in listed.staying and listed.caught_up(name)", "listed.caught_up(name)"),
    (
        "no quorum is given up",
        "or may_stop(listed.size, len(listed.staying | {member}))",
        "or bool(listed.size)",
    ),
    (
        "a single member simply restarts",
        "others_serve = member in listed.healthy and listed.size > 1",
        "others_serve = member in listed.healthy",
    ),
    (
        "a single member needs no other",
        "return listed.size == 1 or may_stop",
        "return may_stop",
    ),
    ("a leader hands over first", " if pod.member == listed.leader else None", " if not pod else None"),
    (
        "clients are sent elsewhere only for the next one",
        "if listed is None or roll is None or roll.member != member:",
        "if listed is None or roll is None:",
    ),
    (
        "who was sent elsewhere too early is let in again",
        "return roll.dismissible and _quorum_stands",
        "return _quorum_stands",
    ),
    (
        "a voter that cannot be rolled takes clients",
        "dismissible and _quorum_stands(listed, member)",
        "dismissible",
    ),
    ("nobody waits for ever without clients", " and not _waited_long(situation, member)", ""),
    (
        "nobody is sent elsewhere before etcd has the others back",
        "    if not following.dismissible:\n        return _awaiting(situation, following)\n",
        "",
    ),
    ("clients have somewhere else to go", "bool(serving) and all(", "all("),
    ("etcd has all others back", "all(_is_back(listed, name) for name in awaited)", "bool(awaited)"),
    (
        "a proxy that was busy has time, too",
        "return dismissal(situation, _ACTION, pod, lasting=LONG_DISMISSAL)\n\n\ndef _numbers",
        "return None\n\n\ndef _numbers",
    ),
)

ALL = (*STOPPING, *ROLLOUT)
