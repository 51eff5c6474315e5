"""The simulated etcd loses data as the real one does, else nothing would be shown by its not doing so.

What it answers was seen on etcd 3.5.35, 3.6.16 and 3.7.3.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from etcd_operator.resources.kinds import Kind
from tests.simulation.etcd import Etcd
from tests.simulation.kubernetes import ApiServer
from tests.simulation.process import Exit, Launch, Process
from tests.simulation.raft import cluster_id, first_members
from tests.simulation.volumes import EMPTY, MOUNT, Files

NAMES = ("a", "b", "c")
URLS = {name: f"http://{name}.shop.svc:2380" for name in NAMES}
PERMISSION = ",".join(f"{name}={url}" for name, url in URLS.items())
CHECKED: Files = {MOUNT: None, MOUNT / "data": None, MOUNT / "data/member": None, MOUNT / "data/member/start": MOUNT}
"""A volume on which the start check has passed and etcd never ran."""


@pytest.fixture
def etcd() -> Etcd:
    """Three volumes and the Services of three members; nothing runs."""
    server = ApiServer(datetime(2026, 11, 22, tzinfo=UTC))
    for name in NAMES:
        labels = {"member": name}
        server.create(Kind.SERVICE, "shop", {"metadata": {"name": name}, "spec": {"selector": labels}})
        server.create(Kind.POD, "shop", {"metadata": {"name": name, "labels": labels}, "spec": {}})
        server.patch(Kind.POD, "shop", name, {"metadata": {"uid": name}})
    return Etcd(server, volumes=dict.fromkeys(NAMES, CHECKED))


def start(etcd: Etcd, name: str, *, state: str = "new", permission: str = PERMISSION) -> Process | Exit:
    arguments = (
        f"--name={name}",
        f"--initial-advertise-peer-urls={URLS[name]}",
        f"--advertise-client-urls=http://{name}.shop.svc:2379",
        "--initial-cluster-token=token",
        f"--initial-cluster-state={state}",
    )
    environment = {"ETCD_INITIAL_CLUSTER": permission}
    launched = etcd.launch(Launch("shop", name, name, name, name, "3.6.16", arguments, environment, {}))
    etcd.settle()
    return launched


def stop(etcd: Etcd, *names: str, emptied: bool = False) -> None:
    for name in names:
        etcd.kill(name)
        if emptied:
            etcd.empty(name)
            etcd.volumes[name] = CHECKED
    etcd.settle()


def leader(etcd: Etcd) -> Process | None:
    return next(iter(etcd.leaders), None)


def message(launched: Process | Exit) -> str:
    assert isinstance(launched, Exit)
    return launched.message


def test_identifiers_are_those_of_the_real_etcd() -> None:
    members = first_members([f"http://127.0.0.1:{port}" for port in (41000, 41010, 41020)], "tok")
    assert [member for member, _ in members] == [0x7A2D500246095955, 0xBA725B026F851DD1, 0xD30D754E946435F2]
    assert cluster_id(members) == 0xAE32EC88D80B9676


def test_one_of_three_forms_nothing_and_serves_nobody(etcd: Etcd) -> None:
    start(etcd, "a")
    assert leader(etcd) is None
    assert not etcd.processes["a"].serving


def test_two_of_three_form_a_cluster_which_the_third_joins_late_with_either_state(etcd: Etcd) -> None:
    for state in ("new", "existing"):
        later = etcd.copy(etcd.server)
        start(later, "a")
        start(later, "b")
        start(later, "c", state=state)
        assert [listed.started for listed in later.processes["a"].data.journal.members] == [True, True, True]


def test_emptied_members_form_an_empty_cluster_with_the_same_identifier(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    before = etcd.processes["a"].data.cluster_id
    assert etcd.put(etcd.processes["a"], b"key", b"value")
    stop(etcd, *NAMES, emptied=True)
    for name in NAMES:
        start(etcd, name)
    found = leader(etcd)
    assert found is not None
    assert (found.data.cluster_id, found.data.journal.puts) == (before, ())


def test_two_emptied_members_out_vote_the_survivor_that_was_away(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    assert etcd.put(etcd.processes["a"], b"key", b"value")
    etcd.settle()
    stop(etcd, "a")
    stop(etcd, "b", "c", emptied=True)
    start(etcd, "b")
    start(etcd, "c")
    start(etcd, "a")
    assert [process.data.journal.puts for process in etcd.processes.values()] == [(), (), ()]


def test_a_peer_that_runs_keeps_an_emptied_member_from_a_new_start(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    stop(etcd, "b", "c", emptied=True)
    assert message(start(etcd, "b")).endswith("has already been bootstrapped")


def test_a_peer_does_not_keep_an_emptied_member_from_joining_as_itself(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    stop(etcd, "c", emptied=True)
    assert isinstance(start(etcd, "c", state="existing"), Process)


def test_who_is_not_named_does_not_start_on_an_empty_directory(etcd: Etcd) -> None:
    assert "couldn't find local name" in message(start(etcd, "a", permission="none=http://none.invalid:2380"))


def test_data_starts_whatever_the_flags_say(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    stop(etcd, "a")
    assert isinstance(start(etcd, "a", state="existing", permission="none=http://none.invalid:2380"), Process)


def test_an_acknowledged_write_survives_the_loss_of_any_one_member(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    assert etcd.put(etcd.processes["a"], b"key", b"value")
    for lost in NAMES:
        later = etcd.copy(etcd.server)
        stop(later, lost)
        found = leader(later)
        assert found is not None
        assert [put.key for put in found.data.journal.puts] == [b"key"]


def test_a_survivor_answers_until_it_is_restarted(etcd: Etcd) -> None:
    for name in NAMES:
        start(etcd, name)
    stop(etcd, "b", "c")
    assert etcd.processes["a"].serving
    assert etcd.leader_of(etcd.processes["a"]) is None
    stop(etcd, "a")
    start(etcd, "a")
    assert not etcd.processes["a"].serving


def test_a_process_whose_files_are_taken_away_goes_on_and_stores_nothing(etcd: Etcd) -> None:
    start(etcd, "a")
    start(etcd, "b")
    etcd.empty("a")
    assert etcd.put(etcd.processes["a"], b"key", b"value")
    assert etcd.volumes["a"] == EMPTY
    assert "a" not in etcd.stored
