"""The arithmetic that everything stands on."""


def quorum(voters: int) -> int:
    """How many of `voters` must agree: any two quorums share a member, so no two can decide differently."""
    return voters // 2 + 1
