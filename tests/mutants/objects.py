"""Without these, a process would start that must not, data would go that is needed, or an end would be missed."""

from __future__ import annotations

from tests.mutants.mutation import of

MEMBERS = of(
    "plan/members.py",
    ("a Pod is admitted once", "        and not pod.serving\n", ""),
    (
        "a Pod that goes is not admitted",
        "        and not pod.meta.deleting\n        and _may_serve",
        "        and _may_serve",
    ),
    (
        "labels are put back",
        "if wrong and not found.meta.deleting:",
        "if wrong and found.meta.deleting:",
    ),
    ("nobody serves before the formation", "        situation.record.formed\n        and (leaving", "        (leaving"),
    (
        "who is about to leave gets no clients back",
        "        and (leaving is None or leaving.member != member)\n",
        "",
    ),
    ("who is about to be made anew gets no clients back", "        and not is_next(situation, member)\n", ""),
    ("a member that never started does not serve", "        and listed.started\n", ""),
    ("a learner does not serve", "        and not listed.is_learner\n", ""),
    (
        "clients reach no member that may still start empty",
        "        and _is_withdrawn(situation, member)\n    )",
        "    )",
    ),
    (
        "a volume is not mounted again while a former process may write to it",
        "situation.record.formed and situation.seen.deserted_node(member) and not permitted",
        "not situation.record.formed and situation.seen.deserted_node(member) and not permitted",
    ),
    (
        "a member that never started has no former process",
        "situation.seen.deserted_node(member) and not permitted(situation, member):",
        "situation.seen.deserted_node(member):",
    ),
    ("who is on its way out gets no Pod", "if not _stays_away(situation, member))", ")"),
    (
        "only who is on its way out stays away",
        "if leaving is None or leaving.member != member or member in situation.seen.pods:",
        "if leaving is None or member in situation.seen.pods:",
    ),
    (
        "one that was stopped comes back while no quorum answers",
        "return situation.membership is not None",
        "return True",
    ),
    ("proxies hear first who stops", "(pod.ready or not dismisses(situation))", "pod"),
    ("who is ready is let in whatever becomes of the next", "pod.ready or not dismisses", "not dismisses"),
    ("one that was stopped to leave stays away", "return situation.membership is not None", "return False"),
    (
        "one on a lost node may come back",
        "        case Departure.NODE_LOST | Departure.VOLUME:\n            return False",
        "        case Departure.NODE_LOST | Departure.VOLUME:\n            return True",
    ),
    ("a Pod is deleted once", "if reason and not pod.meta.deleting:", "if reason:"),
    ("no Pod uses a claim that goes", "claim is not None and not claim.meta.deleting and", "claim is not None and"),
    ("no Pod starts before its Secret is there", " and member in seen.secrets and", " and"),
    (
        "no first member starts before all names resolve",
        "asked = (member,) if situation.record.formed else situation.record.members",
        "asked = (member,)",
    ),
    (
        "a Pod that ended is replaced",
        "    if pod.finished:\n        return",
        "    if pod.finished and pod.running:\n        return",
    ),
    (
        "a Pod that may start empty and does not is replaced",
        "permitted(situation, member) and not pod.first_start:",
        "permitted(situation, member) and pod.finished:",
    ),
    (
        "a Pod that lost its data is not started again",
        "cause is Cause.DATA_LOST and permitted(situation, member) and not pod.first_start",
        "cause is Cause.DATA_LOST and not pod.first_start",
    ),
    (
        "no Pod that has lived is replaced after the formation, unless it has a problem",
        "if changed and (needs_no_turn(situation, pod) or not situation.record.formed or _fail_together(situation)):",
        "if changed:",
    ),
    ("a Pod that asks a member is not deaf", "if urls.isdisjoint(pod.asks) else None", "if pod.asks else None"),
    (
        "only a Pod at the gate is deaf",
        "if listed is None or not pod.at_gate or not pod.asks or",
        "if listed is None or not pod.asks or",
    ),
    (
        "a Pod is deaf only if a quorum serves without those that it asks",
        " or len(listed.healthy) < quorum(listed.size):",
        ":",
    ),
    (
        "a newcomer's Pod makes way for one that pulls the image",
        "if not newcomer or not pod.at_gate or pod.pulled or has_image(situation, pod.member):",
        "if newcomer or not pod.at_gate or pod.pulled or has_image(situation, pod.member):",
    ),
    (
        "in doubt the image is pulled first",
        "pull = member not in record.joining or not has_image(situation, member)",
        "pull = member not in record.joining",
    ),
    (
        "before the formation a suspicion ends when etcd runs",
        "        return _running(situation, member)\n",
        "        return False\n",
    ),
    (
        "a suspicion ends only when the member serves",
        "return listed is not None and member in listed.healthy",
        "return True",
    ),
    (
        "no Pod is made with `new` after the formation",
        "    if not record.formed:\n        return FirstStart(ClusterState.NEW",
        "    if record.members:\n        return FirstStart(ClusterState.NEW",
    ),
    (
        "no newcomer starts while no quorum can be asked",
        "if listed is None and member in record.joining and not",
        "if listed is None and member in record.left and not",
    ),
    (
        "nobody starts empty without a permission",
        "if listed is None or not permitted(situation, member):",
        "if listed is None:",
    ),
    (
        "nobody starts empty while no quorum can be asked",
        "if listed is None or not permitted(situation, member):",
        "if listed is not None and not permitted(situation, member):",
    ),
    (
        "a newcomer asks only members that are healthy",
        "for name in sorted(listed.healthy) if name != member)",
        "for name in sorted(listed.voters) if name != member)",
    ),
    ("a newcomer knows which cluster it joins", "ask=ask, cluster_id=record.cluster_id, pull", "ask=ask, pull"),
    ("a newcomer starts only if there is somebody to ask", "    if not ask:\n        return None\n", ""),
    (
        "a newcomer that was just promoted comes back without a quorum",
        "    if listed is None and member in record.joining and not _is_withdrawn(situation, member):",
        "    if listed is None and member in record.joining:",
    ),
    (
        "a Pod that was made from another spec and does not run is replaced",
        "if changed and (needs_no_turn(situation, pod) or not",
        "if changed and (not",
    ),
    (
        "where nobody serves a change may be what heals",
        "not situation.record.formed or _fail_together(situation)):",
        "not situation.record.formed):",
    ),
    ("while a quorum serves each has its turn", "return situation.membership is None and all(", "return all("),
    ("who is ready serves somebody", "        and not pod.ready\n        and not pod.meta", "        and not pod.meta"),
    (
        "where one has what is asked for it is not what heals",
        "        and bool(situation.outdated(pod))\n",
        "        and bool(pod.meta.name)\n",
    ),
    ("nobody who is lost is touched", "        and loss(situation, pod.member) is None\n", ""),
    (
        "nobody is stopped whose Pod is all that keeps its data",
        "        and not is_last_hold(situation, pod.member)\n        for pod in pods\n",
        "        for pod in pods\n",
    ),
    (
        "a first start on a used volume is not tried again and again",
        "permitted(situation, member) and not pod.first_start",
        "permitted(situation, member)",
    ),
    (
        "a suspected volume is looked at once",
        "if suspect is None or not (suspect.pod_uid == pod.meta.uid or (refused and not pod.looks)):",
        "if suspect is None:",
    ),
    ("a late Pod that does not look makes way for one that does", " or (refused and not pod.looks)", ""),
    (
        "a suspected volume is looked at",
        "Restart(inspect=record.suspect(member) is not None)",
        "Restart(inspect=False)",
    ),
    ("a volume that serves is not suspected", " and not _has_recovered(situation, old.member)", ""),
    (
        "a newcomer's Pod makes way for a fresh claim",
        "if waits and (claim is None or claim.meta.deleting) else None",
        "if waits and claim is None else None",
    ),
    (
        "a member's Pod stays on a claim that is going",
        "    waits = pod.member in situation.record.joining and not pod.lived\n",
        "    waits = not pod.lived\n",
    ),
    (
        "who runs stays on a claim that is going",
        "    waits = pod.member in situation.record.joining and not pod.lived\n",
        "    waits = pod.member in situation.record.joining\n",
    ),
)

LEFTOVERS = of(
    "plan/leftovers.py",
    (
        "nothing is taken of who may still be listed",
        "for leaver in record.left if _is_out(situation, leaver.member) for step",
        "for leaver in record.left for step",
    ),
    (
        "nothing is taken while no quorum can be asked",
        "return listed is not None and situation.listed(member) is None",
        "return situation.listed(member) is None",
    ),
    (
        "nothing is taken of who is listed",
        "return listed is not None and situation.listed(member) is None",
        "return listed is not None",
    ),
    ("what has a bound claim is never a stray", "if claim.bound or claim.lost}", "if claim.lost}"),
    ("what lost its volume is never a stray", "if claim.bound or claim.lost}", "if claim.bound}"),
    ("what is recorded is never a stray", "sorted(labelled - with_data - named)", "sorted(labelled - with_data)"),
    (
        "what leaves is never a stray",
        "named = {*record.present, *(leaver.member for leaver in record.left)}",
        "named = {*record.present}",
    ),
    (
        "a stray is taken only if it is not listed",
        "sorted(labelled - with_data - named) if _is_out(situation, name)]",
        "sorted(labelled - with_data - named)]",
    ),
    (
        "a kept claim does not keep the record open",
        "claimed = member in seen.claims and not leaver.keep_claim",
        "claimed = member in seen.claims",
    ),
    ("who is still listed has not left", "return claimed or listed or any(", "return claimed or any("),
    (
        "who may be listed has not left",
        "        isinstance(seen.etcd.members, Unknown) or situation.listed(member) is not None\n",
        "        situation.listed(member) is not None\n",
    ),
    (
        "a claim is deleted after its Pod has ended",
        "grace=0 if away else None)\n        return\n",
        "grace=0 if away else None)\n",
    ),
    (
        "a Pod is asked once to end",
        "if not pod.meta.deleting or (away and not pod.meta.ending):",
        "if not pod.meta.ending:",
    ),
    ("a claim that is to be kept is kept", "claims = {} if keep_claim else seen.claims", "claims = seen.claims"),
    (
        "only a node that does not answer is not waited for",
        "return node is not None and not node.ready",
        "return node is not None",
    ),
    (
        "a node that may not be read is waited for",
        "if pod.node is None or isinstance(nodes, Unknown):\n        return False",
        "if pod.node is None or isinstance(nodes, Unknown):\n        return True",
    ),
    (
        "a Pod on a node that is away is not waited for",
        "if not pod.meta.deleting or (away and not pod.meta.ending):",
        "if not pod.meta.deleting:",
    ),
)

FOUNDATIONS = of(
    "plan/foundations.py",
    (
        "no authority is made once a process may trust one",
        "if name not in seen.secrets and may_make_authority(situation):",
        "if name not in seen.secrets:",
    ),
    (
        "no claim stands in for lost data",
        "if member not in seen.claims and permitted(situation, member):",
        "if member not in seen.claims:",
    ),
    ("somebody else's claim keeps its owner", " and claim.meta.owner in {None, identity.uid}", ""),
    (
        "a claim that goes keeps its owner",
        "in {None, identity.uid} and not claim.meta.deleting",
        "in {None, identity.uid}",
    ),
    (
        "a budget that is right is not written",
        "if voters is not None and budget.min_available != quorum(voters):",
        "if voters is not None:",
    ),
    ("the budget counts no other Pods", "if budget.selector != selector:", "if not budget.selector:"),
    (
        "a Service leads to nobody else's Pods",
        'if present.get("selector", {}) != wanted["selector"]:',
        'if not present.get("selector"):',
    ),
    (
        "what somebody added to a selector is taken out",
        "patch: Json = dict.fromkeys(present.keys() - wanted.keys())",
        "patch: Json = {}",
    ),
    (
        "a port that somebody added stays",
        "if not all(any(port.items() <= found.items() for found in present.get",
        'if present.get("ports") != wanted["ports"] or not all(any(True for found in present.get',
    ),
    (
        "applications are led to nobody who is not ready",
        'if present.get("publishNotReadyAddresses", False) != unready:',
        'if unready and not present.get("publishNotReadyAddresses"):',
    ),
    (
        "a budget is not lowered while etcd cannot be asked",
        "    if listed is None:\n        return None\n    return listed.size",
        "    if listed is None:\n        return 1\n    return listed.size",
    ),
    (
        "the budget counts the next voter before it votes",
        " + (1 if promotable(situation, listed) is not None else 0)",
        "",
    ),
    (
        "the budget counts no learner that does not vote yet",
        "(1 if promotable(situation, listed) is not None else 0)",
        "len(listed.learners)",
    ),
)

CREDENTIALS = of(
    "plan/credentials.py",
    (
        "a newcomer that has run gets its Secret back without a quorum",
        "return member in situation.record.members or lived or not isinstance",
        "return member in situation.record.members or not isinstance",
    ),
    (
        "members and clients trust different authorities",
        "return peer if tls.client is ClientTLS.OFF else (*peer, identity.client_ca_secret)",
        "return peer",
    ),
    (
        "no authority is made after the formation",
        "return not situation.record.formed and not situation.seen.pods",
        "return not situation.seen.pods",
    ),
    (
        "no authority is made beside a process that may trust one",
        "return not situation.record.formed and not situation.seen.pods",
        "return not situation.record.formed",
    ),
    (
        "a damaged authority signs nothing",
        "            if problem is not None:\n                lost[name] = problem\n",
        "",
    ),
    (
        "a withdrawn permission stays withdrawn",
        "if found is not None and found.data.get(keys.INITIAL_CLUSTER) == WITHDRAWN.encode():",
        "if found is None and not member:",
    ),
    (
        "nobody is permitted while etcd cannot be asked",
        "    if isinstance(situation.seen.etcd.members, Unknown):\n        return False\n",
        "",
    ),
    (
        "a member that started is not permitted",
        "if listed is None else not listed.started",
        "if listed is None else True",
    ),
    (
        "a member that left the list is not permitted",
        "return member in situation.record.joining if listed is None else",
        "return True if listed is None else",
    ),
    (
        "a newcomer is permitted before it is listed",
        "return member in situation.record.joining if listed is None else",
        "return False if listed is None else",
    ),
    (
        "a newcomer's Secret is written when the others are known",
        "return member in situation.record.members or lived or not isinstance(situation.seen.etcd.members, Unknown)",
        "return True",
    ),
    ("a permission names the members that are not ours", "others=others)", "others=())"),
    (
        "a permission stands while etcd cannot be asked",
        "if found is not None and isinstance(agreed, Unknown):",
        "if found is None and isinstance(agreed, Unknown):",
    ),
    ("a Secret is written whole or not at all", "        if signed != wanted:\n            return None\n", ""),
    ("a certificate that serves is kept", "return None if reason is None else str(reason)", "return str(reason)"),
)

ALL = (
    *MEMBERS,
    *LEFTOVERS,
    *FOUNDATIONS,
    *CREDENTIALS,
)
