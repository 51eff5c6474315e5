"""Without these, a step would be taken that no state allows, or nobody would be told why none is."""

from __future__ import annotations

from tests.mutants.mutation import of

REFUSALS = of(
    "plan/refusals.py",
    (
        "nothing is done while the cluster is being deleted",
        "    if cluster.meta.deleting:\n",
        "    if cluster.meta.deleting and situation.spec.paused:\n",
    ),
    (
        "nothing is done while paused",
        "    if situation.spec.paused:\n",
        "    if situation.spec.paused and cluster.meta.deleting:\n",
    ),
    (
        "nothing is begun with a version that should not run",
        "if not record.formed and record.version != asked and (why := doubtful(situation)):",
        "if record.formed and record.version != asked and (why := doubtful(situation)):",
    ),
    (
        "what runs already runs on",
        "if not record.formed and record.version != asked and",
        "if not record.formed and",
    ),
    ("nothing is done beside what is not ours", "    if in_the_way:\n", "    if not in_the_way:\n"),
    (
        "only what has a name of ours is in the way",
        "if (stranger.kind, stranger.name) in _own(situation)",
        "if stranger.kind",
    ),
    (
        "nothing is started over what a lost record knew",
        "if not situation.record.members and remains:",
        "if not situation.record.members and not remains:",
    ),
    (
        "a formed cluster is not formed again after its ID was lost",
        "if proof and not situation.record.formed:",
        "if proof and situation.record.formed:",
    ),
    (
        "a withdrawn permission proves a formation",
        '        if secret.data.get(INITIAL_CLUSTER) == WITHDRAWN.encode():\n            return f"Secret {name}"\n',
        "        pass\n",
    ),
    (
        "a member that clients may reach proves a formation",
        'for pod in seen.pods.values() if pod.serving), "")',
        'for pod in () if pod.serving), "")',
    ),
)

BOOTSTRAP = of(
    "plan/bootstrap.py",
    (
        "a formed cluster is never named anew",
        "if record.formed or (len(record.members) == size and not in_vain):",
        "if len(record.members) == size and not in_vain:",
    ),
    (
        "names that fit are kept",
        "if record.formed or (len(record.members) == size and not in_vain):",
        "if record.formed:",
    ),
    ("nobody waits for a volume of former days", " and not in_vain):", "):"),
    ("what was given up is taken away", "left=(*record.left, *given_up), version", "left=record.left, version"),
    (
        "the cluster's ID is latched once",
        "    if record.formed or isinstance(agreed, Unknown):",
        "    if isinstance(agreed, Unknown):",
    ),
    (
        "a cluster forms with the version that runs",
        "return str(min(running)) if running else situation.record.version",
        "return situation.record.version",
    ),
    (
        "only the named members form the cluster",
        "    if {url for member in agreed.members for url in member.peer_urls} != named:\n        return None\n",
        "",
    ),
)

SITUATION = of(
    "plan/situation.py",
    ("no member gets a flag that its version does not know", " if knows_flag(version, name)}", "}"),
    ("a quota follows the member's own volume", "replace(self.spec.storage, holds=holds)", "self.spec.storage"),
    ("what a webhook made of an image is no change", "exchanged = pod.edited and tag", "exchanged = tag"),
    (
        "a Pod with another image is outdated",
        'tag(pod.image) not in {"", f"v{made_of(annotation)}"}',
        'tag(pod.image) in {f"v{made_of(annotation)}"}',
    ),
    (
        "an image by its digest is no other version",
        'tag(pod.image) not in {"", f"v{made_of(annotation)}"}',
        'tag(pod.image) not in {f"v{made_of(annotation)}"}',
    ),
    ("a name in use is not given again", "            if name not in used:\n", "            if name:\n"),
    ("two newcomers have two names", "            used.add(name)\n", ""),
    (
        "a name that still has to be taken away is not given again",
        "            *(leaver.member for leaver in record.left),\n",
        "",
    ),
    ("a name in etcd's list is not given again", "            *(name for name in in_list if name is not None),\n", ""),
    ("a name with a claim is not given again", "            *seen.claims,\n", ""),
)

PLANNER = of(
    "plan/planner.py",
    (
        "what must not be done at all is asked first",
        "    refusals.refuse,\n    hibernation.hibernate,\n",
        "    hibernation.hibernate,\n    refusals.refuse,\n",
    ),
    ("nothing is decided of members that are to stop", "    hibernation.hibernate,\n", ""),
    ("the formation is recorded before anything else is done", "    bootstrap.record_formation,\n", ""),
    (
        "etcd's list is taken over before anything is decided",
        "    intentions.settle,\n    intentions.intend,\n",
        "    intentions.intend,\n    intentions.settle,\n",
    ),
    (
        "what is decided is written before anything is done",
        "            return replace(decision, blocked=decision.blocked + against)\n",
        "            break\n",
    ),
    (
        "a change of the record is not lost among other steps",
        "next((decision.record for decision in decisions if decision.record != recorded), recorded)",
        "recorded",
    ),
    (
        "the first to wake up wakes the cluster",
        "wake_after=min(decision.wake_after for decision in decisions)",
        "wake_after=max(decision.wake_after for decision in decisions)",
    ),
)

OBSTACLES = of(
    "plan/obstacles.py",
    (
        "a lost authority is told",
        "(*_of_authorities(situation), *_of_membership(situation),",
        "(*_of_membership(situation),",
    ),
    (
        "a lost quorum is told",
        '        yield Blocked("change the members", BlockReason.NO_QUORUM, message)\n',
        "",
    ),
    ("a stranger in the list is told", "        yield _foreign(listed)\n        return\n", "        return\n"),
    (
        "a removal that the quorum forbids is told",
        "if leaver is not None and not may_leave(listed, leaver):",
        "if leaver is None and not listed.voters:",
    ),
    (
        "an addition that the quorum forbids is told",
        "        and len(listed.staying) < needed_to_add(listed.size)\n",
        "        and not listed.voters\n",
    ),
    (
        "nodes that may not be read are told",
        "    if isinstance(situation.seen.nodes, Unknown):\n        yield from",
        "    if isinstance(situation.seen.nodes, Unknown) and not listed.voters:\n        yield from",
    ),
    (
        "a claim that goes is told",
        "claim.meta.deleting and situation.record.formed:",
        "claim.meta.deleting and not situation.record.formed:",
    ),
    (
        "lost data is told",
        "if claim is None and not newcomer and not permitted(situation, member):",
        "if claim is None and newcomer:",
    ),
)

HIBERNATION = of(
    "plan/hibernation.py",
    (
        "nobody stops where members are asked for",
        "    if situation.seen.cluster.spec.replicas > 0:\n",
        "    if False:\n",
    ),
    (
        "that the cluster has formed is known before its members stop",
        "    if formation := record_formation(situation):\n        return formation\n",
        "",
    ),
    ("a Pod is asked once to stop", " if not pod.meta.deleting\n", "\n"),
    ("the last one is waited for", "    if not names:\n", "    if names:\n"),
    ("no last copy is given up for a sleep", "    if doomed:\n        return _refusal(situation, doomed)\n", ""),
    (
        "a Pod that cannot end is told",
        'Plan("Hibernate", f"waiting for {\', \'.join(names)} to stop", situation.record, blocked=blocked)',
        'Plan("Hibernate", f"waiting for {\', \'.join(names)} to stop", situation.record)',
    ),
    ("the claims belong to whom the spec says", "own_claims(situation) or _rest(situation)", "_rest(situation)"),
)

ALL = (
    *HIBERNATION,
    *REFUSALS,
    *BOOTSTRAP,
    *SITUATION,
    *PLANNER,
    *OBSTACLES,
)
