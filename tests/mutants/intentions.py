"""Without these, the wrong member would be taken for lost, chosen to leave, or let in."""

from __future__ import annotations

from tests.mutants.mutation import of

MEMBERSHIP = of(
    "plan/membership.py",
    ("strangers vote, too", " + sum(1 for entry in self.foreign if not entry.is_learner)", ""),
    ("a learner has nearly all that the leader has", "CAUGHT_UP = 0.9", "CAUGHT_UP = 0.5"),
    (
        "nobody has caught up with a leader that is not known",
        "nearly = self.leader is not None and self.applied(member) >= CAUGHT_UP * self.applied(self.leader)",
        "nearly = self.applied(member) >= CAUGHT_UP * self.applied(self.leader or member)",
    ),
    ("what the metrics port says is heard", "return nearly or member in self.current", "return nearly"),
    ("a member that takes part is healthy", "        or (name not in statuses and name in current)\n", ""),
    (
        "one that answers is not judged by its metrics port",
        "or (name not in statuses and name in current)",
        "or name in current",
    ),
    (
        "who never started takes no part",
        "if entry.started and _takes_part(situation, name))",
        "if _takes_part(situation, name))",
    ),
    (
        "there is no membership before the formation",
        "if not situation.record.formed or isinstance(agreed, Unknown):",
        "if isinstance(agreed, Unknown):",
    ),
    ("a voter that nobody recorded is a stranger", " or (not entry.is_learner and name not in named)", ""),
    (
        "one that cannot get a quorum's consent is not healthy",
        "if (name in statuses and views[name].healthy and",
        "if (name in statuses and",
    ),
    ("one that answers as another member is not healthy", " and statuses[name].member_id == entry.id)", ")"),
    (
        "who leads says so itself",
        "return status.leader_id == entry.id",
        "return bool(status.leader_id and entry.id)",
    ),
    (
        "who leaves is no stranger",
        "{*situation.record.present, *(leaver.member for leaver in situation.record.left)}",
        "{*situation.record.present}",
    ),
    (
        "a drain in flight counts as done",
        "frozenset(name for name in healthy if not is_ending(situation, name))",
        "healthy",
    ),
)

LOSS = of(
    "plan/loss.py",
    ("a lost node is waited for", "return self.replaceable <= now", "return True"),
    (
        "a member that answers is not lost",
        "if view is not None and (view.healthy or view.takes_part) and not _another(situation, member):",
        "if view is None and not _another(situation, member):",
    ),
    ("a member that takes part is not lost", "(view.healthy or view.takes_part)", "view.healthy"),
    (
        "one that answers as another member is lost",
        "view.takes_part) and not _another(situation, member):",
        "view.takes_part):",
    ),
    (
        "a member that may start empty has nothing to lose",
        "    if permitted(situation, member) and not _is_damaged_newcomer(situation, pod):\n        return None\n",
        "",
    ),
    (
        "a member whose data is damaged before it served is lost, too",
        "    if permitted(situation, member) and not _is_damaged_newcomer(situation, pod):",
        "    if permitted(situation, member):",
    ),
    (
        "before the formation damaged data is no loss",
        "return situation.record.formed and damaged",
        "return damaged",
    ),
    (
        "a claim that is gone is a loss",
        "    if claim is None:\n        words =",
        "    if claim is None and pod is None:\n        words =",
    ),
    (
        "a node is away for as long as it says",
        "since = node.since if situation.seen.deserted_node(member) else _away_since(node, pod)",
        "since = _away_since(node, pod)",
    ),
    (
        "where a member ran last its node is looked for",
        "(pod.node if pod is not None else None) or seen.cluster.last_nodes.get(member)",
        "pod.node if pod is not None else None",
    ),
    ("a volume that is gone is a loss", "    elif claim.lost:", "    elif claim.lost and claim.problem:"),
    (
        "only a sign of lost data is a loss",
        "pod.problem is not None and pod.problem.cause in _DATA:",
        "pod.problem is not None:",
    ),
    (
        "damaged data is a loss",
        "_DATA = frozenset({Cause.DATA_LOST, Cause.DATA_DAMAGED})",
        "_DATA = frozenset({Cause.DATA_LOST})",
    ),
    (
        "emptied data is a loss",
        "_DATA = frozenset({Cause.DATA_LOST, Cause.DATA_DAMAGED})",
        "_DATA = frozenset({Cause.DATA_DAMAGED})",
    ),
    (
        "silence is no sign of another member's data",
        "if view is None or listed is None or isinstance(view.status, Unknown) or view.status.member_id == listed.id:",
        "if view is None or listed is None or isinstance(view.status, Unknown):",
    ),
    (
        "nodes that may not be read are not lost",
        " or isinstance(seen.nodes, Unknown) else seen.nodes.get(name)",
        " else seen.nodes.get(name)",
    ),
    ("a ready node is not lost", "if node is None or node.ready:", "if node is None:"),
    (
        "a node that is away since an unknown time is not lost",
        "    if since is None:\n        return None\n",
        "    since = since or situation.seen.at - situation.spec.recovery.replace_after\n",
    ),
    ("a lost node is waited for as long as asked", " + situation.spec.recovery.replace_after)", ")"),
    (
        "a node that is gone is waited for from when its Pod finds no other",
        "    if pod is None or pod.pending_since is None:\n        return None\n",
        "    if pod is None or pod.pending_since is None:\n        return node.since\n",
    ),
    (
        "a Pod without a node is waited for since it has none",
        "pod.pending_since if node.since is None else max(node.since, pod.pending_since)",
        "pod.pending_since if node.since is None else node.since",
    ),
    (
        "a node that is not known to be ready is not back",
        "return node is not None and node.ready\n\n\ndef _node(",
        "return node is None or node.ready\n\n\ndef _node(",
    ),
)

PLACEMENT = of(
    "plan/placement.py",
    (
        "an image that is pulled each time is never there",
        "isinstance(seen.nodes, Unknown) or spec.image.pull_policy ==",
        "isinstance(seen.nodes, Unknown) or not spec.image.pull_policy ==",
    ),
    (
        "of a node that is not known no image is",
        "    if name is None and claim is not None and claim.bound:\n        return False\n",
        "",
    ),
    ("no node names no image", "return bool(likely) and all(", "return all("),
    ("every likely node has the image", "and all(image(spec)", "and any(image(spec)"),
    (
        "an unhealthy member leaves first",
        "return not lost, lasts, name in listed.healthy, fit",
        "return not lost, lasts, False, fit",
    ),
    (
        "who is kept alive by a Pod only leaves before who has a volume",
        "return not lost, lasts, name in listed.healthy, fit",
        "return not lost, False, name in listed.healthy, fit",
    ),
    (
        "one that is to have another volume leaves before one that is not",
        "in listed.healthy, fit, last",
        "in listed.healthy, True, last",
    ),
    ("the zones stay spread", "-zones[place[0]], -nodes[place]", "0, -nodes[place]"),
    ("the nodes stay spread", "-zones[place[0]], -nodes[place], leads", "-zones[place[0]], 0, leads"),
    ("the leader leaves last", "-nodes[place], leads, name", "-nodes[place], False, name"),
    (
        "nobody leaves without whom there is no quorum",
        "return may_remove_healthy(listed.size, len(listed.staying | {member}))",
        "return True",
    ),
    (
        "a healthy member that leaves is one fewer",
        "return may_remove_healthy(listed.size, len(listed.staying | {member}))",
        "return may_remove_dead(listed.size, len(listed.staying | {member}))",
    ),
    ("leadership goes to another", "        and name != listed.leader\n", ""),
    (
        "of those with old volumes the leader is the last",
        "last = not is_last_hold(situation, name), leads and not fit\n",
        "last = not is_last_hold(situation, name), False\n",
    ),
    ("leadership moves once", "replaceable(situation, name) is None, listed.applied", "True, listed.applied"),
    (
        "leadership goes to one that serves",
        "if name in listed.statuses\n        and not listed.statuses[name].is_learner\n",
        "if True\n",
    ),
    (
        "a successor is healthy",
        "for name in sorted(listed.staying)\n        if name in listed.statuses",
        "for name in sorted(listed.voters)\n        if name in listed.statuses",
    ),
    ("a successor knows that it votes", "        and not listed.statuses[name].is_learner\n", ""),
    ("a successor has caught up", "        and listed.caught_up(name)\n", ""),
    ("a successor stays", "        and (leaving is None or name != leaving.member)\n", ""),
    (
        "a successor is not on a cordoned node",
        "return not on_cordoned_node(situation, name), replaceable",
        "return True, replaceable",
    ),
    (
        "the successor has most",
        "replaceable(situation, name) is None, listed.applied(name)",
        "replaceable(situation, name) is None, 0",
    ),
    ("a lost member leaves before one that may come back", "return not lost, lasts", "return False, lasts"),
    (
        "a dead member leaves only by a healthy quorum",
        "        return may_remove_dead(listed.size, len(listed.healthy))\n",
        "        return True\n",
    ),
)

INTENTIONS = of(
    "plan/intentions.py",
    (
        "a newcomer that votes is a member",
        "for name in listed.voters if name not in record.members)",
        "for name in listed.voters if name in record.members)",
    ),
    (
        "only who is not in the list has left",
        "return member not in listed.listed and not elsewhere",
        "return not elsewhere",
    ),
    (
        "a newcomer that has started never starts again",
        "if name not in listed.listed and _has_started(situation, name))",
        "if name in listed.listed and _has_started(situation, name))",
    ),
    (
        "a newcomer that never started stays welcome",
        "if name not in listed.listed and _has_started(situation, name))",
        "if name not in listed.listed)",
    ),
    ("the data of a member that somebody else removed is kept", "keep_claim=keep or name != ours)", "keep_claim=keep)"),
    ("onScaleIn: Retain keeps the claim", "keep_claim=keep or name != ours)", "keep_claim=name != ours)"),
    (
        "who has left is no longer on its way out",
        "removing=None if ours in expelled else record.removing",
        "removing=record.removing",
    ),
    (
        "what somebody expelled is taken away",
        "            *(Leaver(name, keep_claim=keep or name != ours) for name in expelled),\n",
        "",
    ),
    (
        "nothing is decided while a stranger votes",
        "if listed is None or any(not entry.is_learner for entry in listed.foreign):",
        "if listed is None:",
    ),
    (
        "one member at a time is on its way out",
        "is not None and _still_holds(situation, listed, record.removing):",
        "is not None and not _still_holds(situation, listed, record.removing):",
    ),
    (
        "a reason that is gone keeps nobody out",
        "if record.removing is not None and _still_holds(situation, listed, record.removing):",
        "if record.removing is not None:",
    ),
    (
        "a member leaves only while a quorum stands without it",
        "if leaver is None or not may_leave(listed, leaver) or",
        "if leaver is None or",
    ),
    (
        "a lost member is chosen only by a healthy quorum",
        "_of_the_dead(situation, listed) if may_remove_dead(listed.size, len(listed.healthy)) else None",
        "_of_the_dead(situation, listed)",
    ),
    (
        "a lost node is waited for",
        "if lost is not None and lost.due(situation.seen.at):\n            return Removal",
        "if lost is not None:\n            return Removal",
    ),
    (
        "too many are taken out only while they are too many",
        "return len(record.members) > situation.spec.replicas and stops",
        "return stops",
    ),
    (
        "a member that answers again stays",
        "            return name not in listed.healthy\n",
        "            return True\n",
    ),
    (
        "a member whose node is back stays",
        "return name not in listed.healthy and not node_is_back(situation, name)",
        "return name not in listed.healthy",
    ),
    (
        "a newcomer for who leaves is named before it leaves",
        "staying = len(record.members) - (1 if record.removing is not None else 0)",
        "staying = len(record.members)",
    ),
    (
        "newcomers that are too many are given up",
        "not _at_gate(situation, name)))[:missing]",
        "not _at_gate(situation, name)))",
    ),
    ("a voter that has just come is not the one too many", " or _has_just_come(situation, listed, leaver):", ":"),
    (
        "a newcomer that does not get on may be",
        "    return member not in listed.healthy and gets_on and",
        "    return member not in listed.healthy and",
    ),
    ("who is one too many for another reason leaves", "and gets_on and others and", "and gets_on and"),
    (
        "one that serves is not replaced for its volume as the dead are",
        "    if member in listed.healthy or pod is None or",
        "    if pod is None or",
    ),
    (
        "one that starts is not replaced as the dead are",
        " or pod is None or pod.problem is None:\n        return None\n    if waits",
        ":\n        return None\n    if waits",
    ),
    ("a lost newcomer is given up", " or _is_lost(situation, newcomer):", ":"),
    ("a newcomer that waits for a volume of former days is given up", "waits_in_vain(situation, newcomer) or ", ""),
    (
        "a member with another volume votes before one leaves for it",
        "+ _spare(situation, record) - staying",
        "- staying",
    ),
    (
        "nobody is spared while a lost member is replaced",
        "    if leaving is not None and leaving.cause is not Departure.SCALE_IN:\n        return 0\n",
        "",
    ),
    ("who leaves needs no other", "if leaving is None or name != leaving.member)", ")"),
    (
        "those that stand at the gate are kept first",
        "key=lambda name: (name not in listed.learners, not _at_gate(situation, name))",
        "key=lambda name: name not in listed.learners",
    ),
    ("what a given up newcomer has is taken away", "left=(*record.left, *given_up))", "left=record.left)"),
    (
        "who is listed under another address has not left",
        "any(member == entry.name or own_id == entry.id for entry in listed.foreign)",
        "any(own_id == entry.id and not own_id for entry in listed.foreign)",
    ),
    (
        "who is listed under another address is known by its name",
        "any(member == entry.name or own_id == entry.id",
        "any(own_id == entry.id",
    ),
    (
        "who is listed under another address is known by its ID",
        "member == entry.name or own_id == entry.id",
        "member == entry.name",
    ),
    (
        "a chosen member stays where it no longer may leave",
        "(may_leave(listed, name) and not worse)",
        "not worse",
    ),
    (
        "a healthy member makes way for none in a worse state",
        "(may_leave(listed, name) and not worse)",
        "may_leave(listed, name)",
    ),
    ("a member that is being stopped goes on leaving", "is_ending(situation, name) or (may_leave", "(may_leave"),
    (
        "a member that answers is not taken for one on a lost node",
        "return name not in listed.healthy and not node_is_back(situation, name)",
        "return not node_is_back(situation, name)",
    ),
    (
        "a learner in the list is kept before others",
        "key=lambda name: (name not in listed.learners, not _at_gate(situation, name))",
        "key=lambda name: not _at_gate(situation, name)",
    ),
    ("a newcomer on a used volume is given up", "return problem.cause is Cause.DATA_LOST or (needed", "return (needed"),
    ("a stuck learner makes way for who replaces a lost member", " or (needed and newcomer in listed.learners)", ""),
    (
        "a stuck learner is kept while nobody is lost",
        "(needed and newcomer in listed.learners)",
        "newcomer in listed.learners",
    ),
    (
        "a newcomer that ran and is not listed never starts again",
        "return withdrawn or (pod is not None and pod.lived)",
        "return withdrawn",
    ),
    (
        "a newcomer whose permission is withdrawn never starts again",
        "return withdrawn or (pod is not None and pod.lived)",
        "return pod is not None and pod.lived",
    ),
    ("who votes has not left", "*(leaver for leaver in record.left if leaver.member not in votes),", "*record.left,"),
)

ALL = (
    *MEMBERSHIP,
    *LOSS,
    *PLACEMENT,
    *INTENTIONS,
)
