"""Names come first, and what was recorded is never overwritten by chance."""

from __future__ import annotations

import pytest

from etcd_operator.observation import Leaver, Record
from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import SUFFIX_ALPHABET, SUFFIX_LENGTH
from tests.builders import MEMBERS, Stage, a_claim, a_pod, an_observation, having, with_record, with_spec, without
from tests.unit.plan.decide import decide, deleted, done


def _given_up(*names: str) -> tuple[Leaver, ...]:
    """Members of a first start of which nothing is to be left."""
    return tuple(Leaver(name, keep_claim=False) for name in names)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_the_first_thing_is_to_record_as_many_names_as_are_asked_for_and_to_make_nothing(size: int) -> None:
    plan = decide(an_observation(Stage.EMPTY, members=size))
    assert plan.steps == ()
    assert len(set(plan.record.members)) == size
    assert plan.wake_after == 0


def test_a_name_is_the_clusters_and_a_suffix_of_letters_that_make_no_words() -> None:
    for name in decide(an_observation(Stage.EMPTY)).record.members:
        cluster, _, suffix = name.rpartition("-")
        assert cluster == "orders"
        assert len(suffix) == SUFFIX_LENGTH
        assert set(suffix) <= set(SUFFIX_ALPHABET)


def test_other_entropy_gives_other_names() -> None:
    seen = an_observation(Stage.EMPTY)
    first, second = (decide(seen, entropy=bytes([seed] * 16)).record.members for seed in (1, 2))
    assert set(first).isdisjoint(second)


def test_a_name_that_was_given_up_is_not_given_again() -> None:
    drawn = decide(an_observation(Stage.EMPTY)).record.members
    again = decide(with_record(an_observation(Stage.EMPTY), left=_given_up(*drawn))).record.members
    assert set(drawn).isdisjoint(again)


def test_names_that_are_recorded_stay() -> None:
    plan = decide(an_observation(Stage.NAMED))
    assert plan.record.members == MEMBERS[:3]


@pytest.mark.parametrize(("before", "after"), [(3, 5), (5, 3), (1, 3)])
def test_another_size_before_the_formation_gives_up_the_first_names_and_records_new_ones(
    before: int, after: int
) -> None:
    plan = decide(with_spec(an_observation(Stage.STARTED, members=before), replicas=after))
    assert plan.steps == ()
    assert len(plan.record.members) == after
    assert plan.record.left == _given_up(*MEMBERS[:before])
    assert set(plan.record.members).isdisjoint(MEMBERS[:before])


def test_a_second_change_of_size_also_gives_up_what_the_first_one_left() -> None:
    seen = with_record(an_observation(Stage.EMPTY), members=MEMBERS[:3], left=_given_up(MEMBERS[3]))
    plan = decide(with_spec(seen, replicas=1))
    assert plan.record.left == _given_up(MEMBERS[3], *MEMBERS[:3])


@pytest.mark.parametrize("size", [1, 5])
def test_a_formed_cluster_is_never_named_anew_whatever_size_is_asked_for(size: int) -> None:
    plan = decide(with_spec(an_observation(Stage.STABLE), replicas=size))
    assert plan.record.members == MEMBERS[:3]
    assert plan.record.left == ()


GIVEN_UP = with_record(an_observation(Stage.STARTED), members=MEMBERS[3:6], left=_given_up(*MEMBERS[:3]))


def test_what_was_given_up_goes_pods_first() -> None:
    assert deleted(decide(GIVEN_UP)) == {f"delete Pod {member}" for member in MEMBERS[:3]}


def test_the_rest_of_a_given_up_member_goes_when_no_process_can_write_to_its_claim() -> None:
    plan = decide(without(GIVEN_UP, Kind.POD, MEMBERS[0]))
    assert deleted(plan) == {
        f"delete Pod {MEMBERS[1]}",
        f"delete Pod {MEMBERS[2]}",
        *(f"delete {kind} {MEMBERS[0]}" for kind in ("PersistentVolumeClaim", "Service", "Secret")),
    }


def test_nothing_is_deleted_twice() -> None:
    ending = (a_pod(member, deleting=True) for member in MEMBERS[:3])
    assert deleted(decide(having(GIVEN_UP, *ending))) == set()


def test_the_names_that_were_given_up_are_forgotten_when_their_objects_are_gone() -> None:
    seen = an_observation(Stage.EMPTY)
    version, left = seen.cluster.spec.version, _given_up(*MEMBERS[:3])
    seen = with_record(seen, members=MEMBERS[3:6], left=left, version=version)
    assert decide(seen).record == Record(members=MEMBERS[3:6], version=version)


def test_a_name_that_was_given_up_is_remembered_until_its_last_object_is_gone() -> None:
    seen = without(GIVEN_UP, Kind.POD)
    for kind in (Kind.CLAIM, Kind.SECRET, Kind.SERVICE):
        assert decide(seen).record.left == _given_up(*MEMBERS[:3])
        seen = without(seen, kind)
    assert decide(seen).record.left == ()


def test_no_claim_is_deleted_that_belongs_to_no_given_up_member() -> None:
    seen = having(an_observation(Stage.FOUNDED), a_claim(MEMBERS[5]))
    assert deleted(decide(seen)) == set()


def test_the_new_start_waits_for_no_given_up_pod_that_is_still_ending() -> None:
    seen = with_record(an_observation(Stage.STARTED, members=1), members=MEMBERS[1:4], left=_given_up(MEMBERS[0]))
    seen = having(with_spec(seen, replicas=3), a_pod(MEMBERS[0], deleting=True))
    assert f"create PersistentVolumeClaim {MEMBERS[1]}" in done(decide(seen))
