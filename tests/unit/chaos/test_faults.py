"""What a seed deals, and which faults may be done at a moment."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.chaos.faults import (
    DEAL,
    NODE_GRACE,
    OF_A_MEMBER,
    OF_A_NODE,
    OF_THE_NETWORK,
    OF_THE_OPERATOR,
    REPLACE_AFTER,
    SECONDS,
    Aim,
    Fault,
    Kind,
    Wait,
    aim,
    deal,
)
from e2e.chaos.sight import MemberPod, Sight

NODES = ("one", "two", "three")
MEMBERS = ("a", "b", "c")


def fault(kind: Kind, *, pick: float = 0.0, number: int = 1) -> Fault:
    return Fault(number, kind, 1.0, 1.0, pick)


def sight(
    *,
    healthy: str = "abc",
    voters: str = "abc",
    asked: int = 3,
    others: int = 0,
    leader: str = "operator-1",
    nodes: dict[str, str] | None = None,
    restarts: dict[str, int] | None = None,
    ending: str = "",
) -> Sight:
    """A whole cluster of a, b and c on the nodes one, two and three, unless said otherwise."""
    places = nodes or dict(zip(voters, (*NODES, *NODES), strict=False))
    counts = restarts or {}
    pods = {name: MemberPod(node, counts.get(name, 0), name in ending) for name, node in places.items()}
    return Sight(
        at=0.0, asked=asked, pods=pods, voters=frozenset(voters), others=others, healthy=frozenset(healthy),
        holder=f"{leader}_uid", operators={"operator-1": "one", "operator-2": "two"},
    )  # fmt: skip


def busy(kind: Kind, *members: str, node: str = "") -> Aim:
    return Aim(fault(kind), pod=members[0] if members and not node else "", node=node, members=frozenset(members))


def victim(found: Aim | Wait) -> str:
    assert isinstance(found, Aim), found
    return found.pod or found.node


def test_a_seed_always_deals_the_same_and_another_one_something_else() -> None:
    first, again, other = (list(islice(deal(seed), 50)) for seed in ("x", "x", "y"))
    assert first == again
    assert first != other


def test_each_round_has_every_kind_as_often_as_it_should() -> None:
    dealt = [each.kind for each in islice(deal("x"), 2 * len(DEAL))]
    assert Counter(dealt[: len(DEAL)]) == Counter(dealt[len(DEAL) :]) == Counter(DEAL)
    assert set(DEAL) == set(Kind)


def test_only_the_chosen_kinds_are_dealt() -> None:
    assert {each.kind for each in islice(deal("x", [Kind.KILL, Kind.SCALE]), 20)} == {Kind.KILL, Kind.SCALE}


def test_what_is_to_be_undone_lasts_and_the_rest_does_not() -> None:
    for each in islice(deal("x"), 200):
        least, most = SECONDS.get(each.kind, (0, 0))
        assert least <= each.seconds <= most
        assert 0 <= each.pick < 1
    assert min(SECONDS[Kind.LOSE_NODE]) > NODE_GRACE + REPLACE_AFTER


@pytest.mark.parametrize("kind", Kind)
def test_every_fault_is_possible_while_all_is_well(kind: Kind) -> None:
    assert isinstance(aim(fault(kind), sight(), (), NODES), Aim)


def test_the_pick_chooses_among_the_members_by_name() -> None:
    picks = [victim(aim(fault(Kind.DELETE_POD, pick=pick), sight(), (), NODES)) for pick in (0.0, 0.4, 0.99)]
    assert picks == ["a", "b", "c"]


def test_a_member_that_was_restarted_least_is_killed() -> None:
    seen = sight(restarts={"a": 2, "b": 1, "c": 1})
    assert {victim(aim(fault(Kind.KILL, pick=pick), seen, (), NODES)) for pick in (0.0, 0.99)} == {"b", "c"}


@pytest.mark.parametrize("kind", sorted(OF_A_MEMBER))
def test_no_member_is_hit_while_one_of_three_is_not_healthy(kind: Kind) -> None:
    assert isinstance(aim(fault(kind), sight(healthy="ab"), (), NODES), Wait)


@pytest.mark.parametrize("kind", sorted(OF_A_MEMBER))
def test_a_member_that_was_hit_counts_before_it_is_seen_to_fail(kind: Kind) -> None:
    assert isinstance(aim(fault(kind), sight(), [busy(Kind.KILL, "a")], NODES), Wait)


@pytest.mark.parametrize("kind", sorted(OF_A_NODE - {Kind.LOSE_NODE}))
def test_only_the_node_of_a_member_that_is_down_already_may_be_hit(kind: Kind) -> None:
    for pick in (0.0, 0.99):
        assert victim(aim(fault(kind, pick=pick), sight(healthy="ab"), (), NODES)) == "three"
        assert victim(aim(fault(kind, pick=pick), sight(), [busy(Kind.KILL, "c")], NODES)) == "three"


def test_two_of_five_may_be_hit_and_not_three() -> None:
    seen, first = sight(voters="abcde", healthy="abcde", asked=5), busy(Kind.SCALE)
    second = busy(Kind.KILL, "a")
    assert isinstance(aim(fault(Kind.KILL, pick=0.5), seen, [first, second], NODES), Aim)
    assert isinstance(aim(fault(Kind.KILL), seen, [first, second, busy(Kind.DELETE_POD, "b")], NODES), Wait)


def test_a_node_with_a_majority_is_spared() -> None:
    seen = sight(nodes={"a": "one", "b": "two", "c": "two"})
    for pick in (0.0, 0.99):
        assert victim(aim(fault(Kind.POWER_CUT, pick=pick), seen, (), NODES)) == "one"


def test_a_node_without_voters_is_spared() -> None:
    seen = sight(nodes={"a": "one", "b": "two", "c": "two"})
    assert victim(aim(fault(Kind.FREEZE, pick=0.99), seen, (), NODES)) == "one"


def test_the_control_plane_is_never_lost_for_long() -> None:
    found = {victim(aim(fault(Kind.LOSE_NODE, pick=pick / 10), sight(), (), NODES)) for pick in range(10)}
    assert found == {"two", "three"}


@pytest.mark.parametrize("kind", [Kind.LOSE_VOLUME, Kind.LOSE_NODE, Kind.SHATTER])
@pytest.mark.parametrize(
    "seen",
    [sight(asked=5), sight(others=1), sight(healthy="ab"), sight(nodes={"a": "one", "b": "two"}), sight(ending="b")],
    ids=["too few", "a learner", "one ill", "one without a Pod", "one ending"],
)
def test_data_and_the_whole_network_are_taken_only_from_a_cluster_that_is_whole(kind: Kind, seen: Sight) -> None:
    assert isinstance(aim(fault(kind), seen, (), NODES), Wait)


@pytest.mark.parametrize("kind", sorted(set(Kind) - OF_THE_OPERATOR))
def test_data_is_taken_only_while_nothing_but_the_operator_is_in_trouble(kind: Kind) -> None:
    assert isinstance(aim(fault(Kind.LOSE_VOLUME), sight(), [busy(kind)], NODES), Wait)
    assert isinstance(aim(fault(Kind.LOSE_VOLUME), sight(), [busy(Kind.KILL_OPERATOR)], NODES), Aim)


@pytest.mark.parametrize("kind", sorted(OF_A_NODE | OF_THE_NETWORK))
@pytest.mark.parametrize("other", sorted(OF_A_NODE | OF_THE_NETWORK))
def test_one_fault_of_machines_and_networks_at_a_time(kind: Kind, other: Kind) -> None:
    assert isinstance(aim(fault(kind), sight(), [busy(other)], NODES), Wait)


def test_the_operator_is_hit_again_only_when_another_leads() -> None:
    assert isinstance(aim(fault(Kind.KILL_OPERATOR), sight(leader="gone"), (), NODES), Wait)
    assert isinstance(aim(fault(Kind.KILL_OPERATOR), sight(), [busy(Kind.CUT_OPERATOR)], NODES), Wait)


def test_an_operator_on_a_node_that_is_off_is_not_aimed_at() -> None:
    off = busy(Kind.LOSE_NODE, "a", node="one")
    assert isinstance(aim(fault(Kind.KILL_OPERATOR), sight(), [off], NODES), Wait)
    assert victim(aim(fault(Kind.KILL_OPERATOR), sight(leader="operator-2"), [off], NODES)) == "operator-2"


def test_the_cluster_is_scaled_once_at_a_time() -> None:
    assert isinstance(aim(fault(Kind.SCALE), sight(), [busy(Kind.SCALE)], NODES), Wait)
    assert isinstance(aim(fault(Kind.SCALE), sight(), [busy(Kind.KILL, "a")], NODES), Aim)


SIGHTS = st.builds(
    lambda voters, healthy, nodes: sight(
        voters=voters, healthy="".join(healthy), asked=len(voters),
        nodes=dict(zip(voters, nodes, strict=False)), leader="operator-1",
    ),
    st.sampled_from(("abc", "abcd", "abcde")),
    st.sets(st.sampled_from("abcde")),
    st.lists(st.sampled_from(NODES), min_size=5, max_size=5),
)  # fmt: skip


@given(SIGHTS, st.lists(st.sampled_from(list(Kind)), max_size=8), st.floats(0, 1, exclude_max=True))
def test_whatever_comes_together_a_quorum_of_healthy_voters_is_hit_by_nothing(
    seen: Sight, kinds: list[Kind], pick: float
) -> None:
    """Except for the seconds in which all nodes are cut apart."""
    under_way: list[Aim] = []
    for kind in kinds:
        found = aim(fault(kind, pick=pick), seen, under_way, NODES)
        if isinstance(found, Wait):
            continue
        under_way.append(found)
        hit = frozenset[str]().union(*(each.members for each in under_way if each.fault.kind is not Kind.SHATTER))
        assert not found.members or found.fault.kind is Kind.SHATTER or seen.endures(hit)
