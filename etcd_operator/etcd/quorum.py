"""The arithmetic that everything stands on.

A quorum is more than half of the voters. Any two quorums share a member, so no two can decide differently; and because
a change of the members is itself decided by a quorum of the old list, lists that differ by one voter cannot either.

With `n` voters of which `h` are healthy:

| change | allowed while | because |
| --- | --- | --- |
| stop a healthy voter for a while | `h - 1 >= quorum(n)` | those that stay decide without it |
| remove a dead voter | `h >= quorum(n)` | those that decide it are the healthy ones; `quorum(n - 1) <= quorum(n)` |
| remove a healthy voter | `h >= quorum(n)`, `h - 1 >= quorum(n - 1)` | the rest must decide after it |
| add a learner | `h >= quorum(n + 1)`, or `n = 1` | etcd itself wants that many connected, for it will be promoted |
| promote a healthy learner | `h + 1 >= quorum(n + 1)` | it votes from then on |
"""


def quorum(voters: int) -> int:
    """How many of `voters` must agree."""
    return voters // 2 + 1


def may_stop(voters: int, healthy: int) -> bool:
    """Whether one of the `healthy` voters may stop for a while."""
    return healthy - 1 >= quorum(voters)


def may_remove_dead(voters: int, healthy: int) -> bool:
    """Whether a voter that is not healthy may be removed; the `healthy` ones decide it."""
    return healthy >= quorum(voters)


def may_remove_healthy(voters: int, healthy: int) -> bool:
    """Whether one of the `healthy` voters may be removed; never the last."""
    return voters > 1 and healthy >= quorum(voters) and healthy - 1 >= quorum(voters - 1)


def needed_to_add(voters: int) -> int:
    """How many voters must be healthy before etcd takes a learner (etcd-rules.md §1)."""
    return 1 if voters == 1 else quorum(voters + 1)


def may_promote(voters: int, healthy: int) -> bool:
    """Whether a healthy learner may become a voter."""
    return healthy + 1 >= quorum(voters + 1)
