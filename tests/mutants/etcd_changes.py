"""Without these, etcd's members would be changed at the wrong moment: arithmetic, changes, and who carries them out."""

from __future__ import annotations

from tests.mutants.mutation import of

ARITHMETIC = of(
    "etcd/quorum.py",
    ("a quorum is more than half", "return voters // 2 + 1", "return (voters + 1) // 2"),
    (
        "a voter stops only while those that stay decide without it",
        "return healthy - 1 >= quorum(voters)",
        "return healthy >= quorum(voters)",
    ),
    ("a dead voter is removed only by a healthy quorum", "return healthy >= quorum(voters)", "return healthy > 0"),
    ("a healthy voter leaves a quorum behind", " and healthy - 1 >= quorum(voters - 1)", ""),
    (
        "a learner is added only when etcd would promote it",
        "return 1 if voters == 1 else quorum(voters + 1)",
        "return quorum(voters)",
    ),
    (
        "a single member may add the second",
        "return 1 if voters == 1 else quorum(voters + 1)",
        "return quorum(voters + 1)",
    ),
    (
        "a learner votes only where a quorum stands with it",
        "return healthy + 1 >= quorum(voters + 1)",
        "return healthy > 0",
    ),
)

CHANGES = of(
    "plan/changes.py",
    ("strangers in the list stop every change", "if listed is None or listed.foreign:", "if listed is None:"),
    ("one learner at a time", "    if listed.learners:\n", "    if listed.learners and not record.joining:\n"),
    (
        "who is lost goes before anybody comes",
        "if record.removing is not None and record.removing.member in listed.voters:",
        "if record.removing is not None and not record.joining and record.removing.member in listed.voters:",
    ),
    ("a learner that nobody wants does not vote", "        name in situation.record.joining\n        and", "       "),
    ("a learner that never started does not vote", "        and listed.learners[name].started\n", ""),
    (
        "a learner votes only when it has caught up",
        "        and listed.caught_up(name)\n        and pod",
        "        and pod",
    ),
    (
        "a learner whose Pod is going does not vote",
        "        and not pod.meta.deleting\n        and _is",
        "        and _is",
    ),
    ("no voter may ever start over", "        and _is_withdrawn(situation, name)\n        and may", "        and may"),
    (
        "a learner votes only where a quorum stands with it",
        "        and may_promote(listed.size, len(listed.staying))\n",
        "",
    ),
    ("a learner that nobody wants is removed", "    if unwanted:\n", "    if not listed.learners:\n"),
    (
        "the disruption budget is raised before a promotion",
        "if budget is None or budget.min_available < quorum(listed.size + 1):",
        "if budget is None:",
    ),
    (
        "a learner that does not get on is not asked four times a second",
        "return pod is not None and pod.problem is None",
        "return pod is not None",
    ),
    ("the budget is not raised while a stranger keeps the learner from voting", "        and not listed.foreign\n", ""),
    (
        "a stopped member leaves only while a quorum stands",
        'return take(situation, "ScaleIn", removal) if may_remove_dead(listed.size, len(listed.healthy)) else None',
        'return take(situation, "ScaleIn", removal)',
    ),
    (
        "a healthy member leaves only while a quorum stands without it",
        "    if not may_remove_healthy(listed.size, staying):\n        return None\n",
        "",
    ),
    ("a drain in flight counts before a member is stopped", "len(listed.staying | {name})", "len(listed.healthy)"),
    (
        "a newcomer is added only where etcd's image is",
        "    if not (pod.pulled or has_image(situation, newcomer)) or situation.outdated(pod):\n",
        "    if situation.outdated(pod):\n",
    ),
    ("a newcomer is not added whose Pod is about to be made anew", " or situation.outdated(pod):\n", ":\n"),
    ("a leader hands over before it leaves", "    if name == listed.leader:\n", "    if name == listed.size:\n"),
    (
        "a leader without a successor stays",
        '        if heir is None:\n            return wait(situation, "ScaleIn"',
        '        if heir is None and listed.size < 0:\n            return wait(situation, "ScaleIn"',
    ),
    (
        "a member is stopped only while the others are a quorum",
        "if pod is not None and may_stop(listed.size, staying):",
        "if pod is not None and staying:",
    ),
    (
        "a member stops before it leaves, so that its clients are told",
        "if pod is not None and may_stop(listed.size, staying):",
        "if pod is not None and not staying:",
    ),
    (
        "a Pod is asked once to stop",
        "if pod is not None and pod.meta.deleting:\n        return await_stop(situation",
        "if pod is not None and pod.finished:\n        return await_stop(situation",
    ),
    (
        "no client is sent to a member that is about to stop",
        'if pod is not None and (dismissing := dismissal(situation, "ScaleIn", pod, lasting=lasting)):',
        "if pod is not None and (dismissing := None):",
    ),
    (
        "proxies that have just written a change are given more time",
        "return len(situation.record.members) % 2 == 0 or bool(situation.record.left)",
        "return False",
    ),
    (
        "who leaves after another gives the proxies more time",
        "return len(situation.record.members) % 2 == 0 or bool(situation.record.left)",
        "return bool(situation.record.left)",
    ),
    (
        "while another is being taken away the proxies are given more time",
        "return len(situation.record.members) % 2 == 0 or bool(situation.record.left)",
        "return len(situation.record.members) % 2 == 0",
    ),
    (
        "a member that answers is not replaced",
        "if name in listed.healthy or not may_remove_dead",
        "if not may_remove_dead",
    ),
    (
        "a lost member is removed only by a healthy quorum",
        "if name in listed.healthy or not may_remove_dead(listed.size, len(listed.healthy)):",
        "if name in listed.healthy:",
    ),
    (
        "a lost member is removed when its place can be filled",
        "any(_stands_at_gate(situation, newcomer) for newcomer in record.joining)",
        "bool(record.joining)",
    ),
    (
        "only certain loss makes room for a newcomer that finds no place",
        "leaving.cause is Departure.DATA_LOST and all(",
        "all(",
    ),
    (
        "a lost member makes room only when no newcomer finds a place",
        "leaving.cause is Departure.DATA_LOST and all(",
        "leaving.cause is Departure.DATA_LOST and any(",
    ),
    (
        "the dead Pod goes before its member does",
        '        if pod is None:\n            return take(situation, "ReplaceMember", removal)',
        '        if pod is not None:\n            return take(situation, "ReplaceMember", removal)',
    ),
    ("nobody is added who does not stand at the gate", "if _stands_at_gate(situation, name)]", "]"),
    (
        "nobody is added while etcd would refuse it",
        "    if len(listed.staying) < needed_to_add(listed.size):\n        return None\n",
        "",
    ),
    (
        "a drain in flight counts before a newcomer is added",
        "    if len(listed.staying) < needed_to_add(listed.size):",
        "    if len(listed.healthy) < needed_to_add(listed.size):",
    ),
    (
        "a newcomer knows all the others before it is listed",
        "if secret is None or secret.data.get(INITIAL_CLUSTER) != permission(situation, name).encode():",
        "if secret is None:",
    ),
    ("a leader on a good node keeps its office", " or not on_cordoned_node(situation, listed.leader):", ":"),
    ("leadership moves to no other cordoned node", " or on_cordoned_node(situation, heir):", ":"),
    (
        "who only waits does not keep leadership from moving",
        "if addition is not None and addition.steps:",
        "if addition is not None:",
    ),
    ("who does not wait at the gate is not ready", "if pod is None or not pod.at_gate or", "if pod is None or"),
    (
        "a Pod that is going does not stand at the gate",
        "pod.problem is not None or pod.meta.deleting:",
        "pod.problem is not None:",
    ),
    (
        "a Pod that was evicted does not stand at the gate",
        "not pod.at_gate or pod.problem is not None or",
        "not pod.at_gate or",
    ),
    (
        "who has no claim does not stand at the gate",
        "if claim is None or claim.meta.deleting or claim.lost or listed",
        "if (claim is not None and (claim.meta.deleting or claim.lost)) or listed",
    ),
    (
        "who loses its claim does not stand at the gate",
        "if claim is None or claim.meta.deleting or claim.lost or listed",
        "if claim is None or claim.lost or listed",
    ),
    (
        "who has lost its volume does not stand at the gate",
        "if claim is None or claim.meta.deleting or claim.lost or listed",
        "if claim is None or claim.meta.deleting or listed",
    ),
    ("nobody stands at the gate on a node that is away", " and (node is None or node.ready)", ""),
    ("a newcomer asks somebody who can tell it", "return not alive.isdisjoint(pod.asks) and", "return"),
    (
        "those whom a newcomer asks are healthy",
        "for name in listed.healthy for url in listed.voters[name].peer_urls",
        "for name in listed.voters for url in listed.voters[name].peer_urls",
    ),
    (
        "only a newcomer without a place makes others make room",
        "problem.cause in {Cause.UNSCHEDULABLE, Cause.STORAGE}",
        "problem.cause",
    ),
    ("a newcomer that a quota refuses has no place", "return refused or any(", "return any("),
    (
        "who lacks only a right to patch has a place",
        """        and not block["action"].startswith(f"{Patch.__name__} ")\n""",
        "",
    ),
)

PATCHES = of(
    "act/execute.py",
    (
        "a patch that was undone is not sent again at once",
        'if found["metadata"]["resourceVersion"] == held.resource_version:',
        'if not found["metadata"]["resourceVersion"]:',
    ),
)

EXECUTION = of(
    "act/membership.py",
    (
        "the list is read again just before a change",
        "        await self._unchanged(at, leads=leads)\n",
        "",
    ),
    (
        "no change starts that the Lease does not outlast",
        '        check_lease(self.remaining, within=CHANGE_WITHIN, what=f"{type(step).__name__} {step.member}")\n',
        "",
    ),
    ("a newcomer is added as a learner", "step.peer_url, learner=True,", "step.peer_url, learner=False,"),
    (
        "the leader is the one that says so itself",
        "            if not isinstance(status, Unknown) and status.leader_id == status.member_id\n",
        "            if not isinstance(status, Unknown) and status.leader_id\n",
    ),
    (
        "who is asked for a change has a quorum",
        "in self.seen.etcd.views.items() if view.healthy}",
        "in self.seen.etcd.views.items()}",
    ),
    ("only the leader promotes and hands over", "self._answering(or_any=anybody)", "self._answering(or_any=True)"),
    (
        "another is asked where the leader holds somebody for gone",
        "if error.reason is not Refusal.UNHEALTHY_CLUSTER:",
        "if error.reason:",
    ),
    (
        "whatever else etcd refuses is not asked again",
        "if error.reason is not Refusal.UNHEALTHY_CLUSTER:",
        "if not error.reason:",
    ),
    (
        "one that leads no more promotes nobody",
        "            if status.leader_id != status.member_id:",
        "            if not status.leader_id:",
    ),
    (
        "nothing is changed in another list than the one that was observed",
        "isinstance(known, Unknown) or _essence(now) != _essence(known)",
        "isinstance(known, Unknown)",
    ),
    (
        "nothing is changed that was planned without a list",
        "isinstance(known, Unknown) or _essence(now)",
        "not isinstance(known, Unknown) and _essence(now)",
    ),
    (
        "a promotion in between counts",
        "return member.id, member.peer_urls, member.is_learner, member.started",
        "return member.id, member.peer_urls, False, member.started",
    ),
    (
        "a start in between counts",
        "return member.id, member.peer_urls, member.is_learner, member.started",
        "return member.id, member.peer_urls, member.is_learner, False",
    ),
)

ALL = (
    *ARITHMETIC,
    *CHANGES,
    *PATCHES,
    *EXECUTION,
)
