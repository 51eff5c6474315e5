"""What is read out of a Pod's status: every cause that keeps a member from getting on, in Kubernetes' own words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from etcd_operator.observation import Cause, Problem
from etcd_operator.observe import parse
from etcd_operator.resources.names import peer_url
from etcd_operator.resources.ownership import DISMISSED, dismissal
from etcd_operator.resources.pod import ClusterState, FirstStart, Restart, member_pod
from etcd_operator.startcheck import ExitCode, Verdict
from tests.builders import GATE, IDENTITY, MEMBERS, a_spec
from tests.unit.observe.pods import INITIALIZING, MEMBER, PASSED, RUNNING, pod, terminated, waiting

if TYPE_CHECKING:
    from etcd_operator.api.cluster import Json
    from etcd_operator.observation import Pod

NO_NODE = "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available."
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_NODE}
PULL = 'failed to resolve reference "example.com/etcd:v3.6.16": example.com/etcd:v3.6.16: not found'
MISSING = 'secret "orders-bbbbb" not found'
FATAL = '{"level":"fatal","msg":"discovery failed","error":"wal: max entry size limit exceeded"}'
BACK_OFF = "back-off 40s restarting failed container=etcd pod=orders-bbbbb_shop(0d7c)"
LOST = Verdict(ExitCode.DATA_LOST, "the data of orders-bbbbb is gone").to_json()
START = "/var/lib/etcd/data/member/start-orders-bbbbb"
RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    f'unable to start container process: exec: "{START}": stat {START}: no such file or directory: unknown'
)
CRUN = f"container create failed: executable file `{START}` not found: No such file or directory\n"
EMPTIED = "the volume has not what starts etcd"
NOT_NAMED = "couldn't find local name orders-bbbbb in the initial cluster configuration"

CASES: dict[str, tuple[Json, Problem | None]] = {
    "it runs": (pod(), None),
    "it was just created": (
        {**pod(node=None), "status": {"phase": "Pending"}},
        None,
    ),
    "its image is being pulled": (
        pod(version=waiting("PodInitializing"), check=INITIALIZING, etcd=INITIALIZING, phase="Pending"),
        None,
    ),
    "no node takes it": (
        {**pod(node=None), "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}},
        Problem(Cause.UNSCHEDULABLE, NO_NODE),
    ),
    "the pull of its image failed": (
        pod(version=waiting("ErrImagePull", PULL), check=INITIALIZING, etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.IMAGE, f"example.com/etcd:v3.6.16: {PULL}"),
    ),
    "the pull of its image is put off": (
        pod(
            version=waiting(
                "ImagePullBackOff", f'Back-off pulling image "example.com/etcd:v3.6.16": ErrImagePull: {PULL}'
            ),
            check=INITIALIZING,
            etcd=INITIALIZING,
            phase="Pending",
        ),
        Problem(
            Cause.IMAGE,
            f'example.com/etcd:v3.6.16: Back-off pulling image "example.com/etcd:v3.6.16": ErrImagePull: {PULL}',
        ),
    ),
    "its image has no valid name": (
        pod(version=waiting("InvalidImageName"), check=INITIALIZING, etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.IMAGE, "example.com/etcd:v3.6.16: InvalidImageName"),
    ),
    "its Secret is missing": (
        pod(check=waiting("CreateContainerConfigError", MISSING), etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.CONTAINER_CONFIG, MISSING),
    ),
    "the image holds no etcd": (
        pod(
            version=waiting("CrashLoopBackOff", "back-off 10s restarting failed container=etcd-version"),
            check=INITIALIZING,
            etcd=INITIALIZING,
            last={
                "etcd-version": terminated(128, reason="StartError", message='exec: "/usr/local/bin/etcd": not found')
            },
            phase="Pending",
        ),
        Problem(Cause.CRASHING, 'etcd-version exited with 128: exec: "/usr/local/bin/etcd": not found'),
    ),
    "etcd ended a moment ago": (
        pod(etcd=terminated(1, message=f"started\n{FATAL}\n")),
        Problem(Cause.CRASHING, "etcd exited with 1: discovery failed: wal: max entry size limit exceeded"),
    ),
    "etcd ends again and again": (
        pod(etcd=waiting("CrashLoopBackOff", BACK_OFF), last={"etcd": terminated(1, message=f"started\n{FATAL}\n")}),
        Problem(Cause.CRASHING, "etcd exited with 1: discovery failed: wal: max entry size limit exceeded"),
    ),
    "etcd was killed for its memory": (
        pod(etcd=waiting("CrashLoopBackOff", BACK_OFF), last={"etcd": terminated(137, reason="OOMKilled")}),
        Problem(Cause.CRASHING, "etcd exited with 137: OOMKilled"),
    ),
    "etcd crashed once and runs again": (pod(last={"etcd": terminated(2, message="panic")}), None),
    "the start check ended with data lost": (
        pod(check=terminated(65, message=LOST), etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.DATA_LOST, "the data of orders-bbbbb is gone"),
    ),
    "the start check says again and again that the data is lost": (
        pod(
            check=waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=start-check"),
            etcd=INITIALIZING,
            last={"start-check": terminated(65, message=LOST), "etcd": terminated(0, reason="Completed")},
            phase="Pending",
        ),
        Problem(Cause.DATA_LOST, "the data of orders-bbbbb is gone"),
    ),
    "the start check could leave no message": (
        pod(check=terminated(65), etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.DATA_LOST, "the start check found no data"),
    ),
    "the start check cannot look": (
        pod(check=terminated(74, message="the volume cannot be used"), etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.CRASHING, "start-check exited with 74: the volume cannot be used"),
    ),
    "etcd exits with the number of the start check": (
        pod(etcd=terminated(65, message="bad flag")),
        Problem(Cause.CRASHING, "etcd exited with 65: bad flag"),
    ),
    "its volume was emptied under it, a moment ago": (
        pod(etcd=waiting("RunContainerError", RUNC), last={"etcd": terminated(137)}),
        Problem(Cause.START_REFUSED, EMPTIED),
    ),
    "its volume was emptied under it, between two attempts": (
        pod(etcd=terminated(128, reason="StartError", message=RUNC)),
        Problem(Cause.START_REFUSED, EMPTIED),
    ),
    "its volume was emptied under it, for minutes": (
        pod(
            etcd=waiting("CrashLoopBackOff", BACK_OFF),
            last={"etcd": terminated(128, reason="StartError", message=RUNC)},
        ),
        Problem(Cause.START_REFUSED, EMPTIED),
    ),
    "its volume was emptied under it, on a node of CRI-O": (
        pod(etcd=waiting("CreateContainerError", CRUN), last={"etcd": terminated(137)}),
        Problem(Cause.START_REFUSED, EMPTIED),
    ),
    "etcd finds no log and may not start without one": (
        pod(etcd=waiting("CrashLoopBackOff", BACK_OFF), last={"etcd": terminated(1, message=NOT_NAMED)}),
        Problem(Cause.START_REFUSED, "etcd finds no write-ahead log, and may not start without one"),
    ),
    "another container says what etcd says without a log": (
        pod(version=terminated(1, message=NOT_NAMED), check=INITIALIZING, etcd=INITIALIZING, phase="Pending"),
        Problem(Cause.CRASHING, f"etcd-version exited with 1: {NOT_NAMED}"),
    ),
    "it was evicted": (
        {
            **pod(),
            "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        },
        Problem(Cause.NODE, "Evicted: The node was low on resource: memory."),
    ),
    "its node restarted, and the start check runs": (
        pod(check=RUNNING, etcd=INITIALIZING, last={"etcd": terminated(255, reason="Unknown")}, phase="Running"),
        None,
    ),
    "its node restarted, and its volume is being mounted": (
        pod(
            version=waiting("PodInitializing"),
            check=INITIALIZING,
            etcd=INITIALIZING,
            last={
                "etcd": terminated(255, reason="Unknown"),
                "start-check": PASSED,
                "etcd-version": PASSED,
            },
        ),
        None,
    ),
}


@pytest.mark.parametrize(("body", "problem"), CASES.values(), ids=CASES)
def test_the_cause_is_found_when(body: Json, problem: Problem | None) -> None:
    assert parse.pod(body).problem == problem


@pytest.mark.parametrize(
    ("body", "running"),
    [
        (pod(), True),
        (pod(etcd=INITIALIZING), False),
        (pod(etcd=terminated(0)), False),
        ({**pod(), "status": {"phase": "Pending"}}, False),
    ],
    ids=["runs", "is prepared", "ended", "has no status"],
)
def test_a_pod_runs_when_its_etcd_container_runs(body: Json, *, running: bool) -> None:
    assert parse.pod(body).running is running


def test_a_pod_on_a_node_that_is_lost_still_counts_as_running_but_not_as_ready() -> None:
    body = pod()
    body["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "NodeNotReady"},
    ]
    seen = parse.pod(body)
    assert (seen.running, seen.ready, seen.problem) == (True, False, None)


@pytest.mark.parametrize(
    ("phase", "finished"), [("Pending", False), ("Running", False), ("Failed", True), ("Succeeded", True)]
)
def test_a_pod_that_failed_or_succeeded_never_comes_back(phase: str, *, finished: bool) -> None:
    assert parse.pod({**pod(), "status": {"phase": phase}}).finished is finished


def test_a_pod_is_known_by_its_uid_its_version_its_controller_and_its_member() -> None:
    body = pod()
    body["metadata"] |= {"uid": "u-1", "resourceVersion": "42"}
    body["metadata"]["ownerReferences"].append({"uid": "not-a-controller"})
    seen = parse.pod(body)
    assert (seen.meta.uid, seen.meta.resource_version, seen.meta.owner) == ("u-1", "42", IDENTITY.uid)
    assert (seen.member, seen.node, seen.ip) == (MEMBER, "node-1", "10.244.1.7")
    assert not seen.meta.deleting
    assert not seen.serving


def test_a_pod_that_is_being_deleted_says_so() -> None:
    body = pod()
    body["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    assert parse.pod(body).meta.deleting


def test_a_pod_serves_when_it_has_the_label_that_the_services_select() -> None:
    body = pod()
    body["metadata"]["labels"]["etcd-operator.dev/role"] = "voter"
    assert parse.pod(body).serving


def test_a_long_complaint_is_cut() -> None:
    problem = parse.pod(pod(etcd=terminated(1, message="x" * 4096))).problem
    assert problem is not None
    assert len(problem.message) < 600


@pytest.mark.parametrize(
    ("body", "at_gate"),
    [
        (pod(), False),
        (pod(check=RUNNING, etcd=INITIALIZING, phase="Pending"), True),
        (pod(check=INITIALIZING, etcd=INITIALIZING, phase="Pending"), False),
        (pod(version=RUNNING, check=INITIALIZING, etcd=INITIALIZING, phase="Pending"), False),
        ({**pod(), "status": {"phase": "Pending"}}, False),
    ],
    ids=["runs", "waits", "is prepared", "pulls its image", "has no status"],
)
def test_a_pod_stands_at_the_gate_while_its_start_check_runs(body: Json, *, at_gate: bool) -> None:
    assert parse.pod(body).at_gate is at_gate


def made(start: FirstStart | Restart) -> Pod:
    """The Pod of MEMBER as the operator makes it for `start`, as it is seen."""
    built = member_pod(IDENTITY, a_spec(), MEMBER, start=start, gate=GATE)
    body = pod()
    return parse.pod({**body, "spec": built["spec"]})


def test_a_newcomers_pod_tells_whom_it_asks() -> None:
    seen = made(FirstStart(ClusterState.EXISTING, ask=MEMBERS[1:3], cluster_id=7))
    assert seen.asks == tuple(peer_url(IDENTITY, name, a_spec().tls) for name in MEMBERS[1:3])
    assert seen.first_start


@pytest.mark.parametrize("start", [FirstStart(ClusterState.NEW), Restart(), Restart(inspect=True)], ids=str)
def test_a_pod_that_asks_nobody_says_so_and_only_a_first_start_reads_a_permission(start: FirstStart | Restart) -> None:
    seen = made(start)
    assert seen.asks == ()
    assert seen.first_start is isinstance(start, FirstStart)


@pytest.mark.parametrize(
    ("body", "lived"),
    [
        (pod(), True),
        (pod(etcd=INITIALIZING), False),
        (pod(etcd=waiting("CrashLoopBackOff", BACK_OFF), last={"etcd": terminated(1)}), True),
        ({**pod(), "status": {"phase": "Pending"}}, False),
    ],
    ids=["runs", "is prepared", "has run", "has no status"],
)
def test_an_etcd_has_lived_once_it_ran(body: Json, *, lived: bool) -> None:
    assert parse.pod(body).lived is lived


def test_a_pod_that_no_node_takes_tells_since_when() -> None:
    since = {"lastTransitionTime": "2026-11-22T11:57:00Z"}
    body = {**pod(node=None), "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE | since]}}
    assert parse.pod(body).pending_since == datetime(2026, 11, 22, 11, 57, tzinfo=UTC)
    taken = {"type": "PodScheduled", "status": "True"} | since
    assert parse.pod({**pod(), "status": {"conditions": [taken]}}).pending_since is None
    assert parse.pod({**pod(node=None), "status": {"phase": "Pending"}}).pending_since is None


def test_since_when_clients_are_sent_elsewhere_is_read_as_it_was_written() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
    body = pod()
    body["metadata"]["annotations"] = dismissal(at)["annotations"]
    assert parse.pod(body).dismissed == at


@pytest.mark.parametrize("written", ["", "yesterday", "nan", "1e99", "99999999999999999.000"])
def test_what_the_operator_did_not_write_says_nothing_of_that(written: str) -> None:
    body = pod()
    body["metadata"]["annotations"] = {DISMISSED: written}
    assert parse.pod(body).dismissed is None


def test_whether_a_pod_pulls_the_image_before_it_waits_at_the_gate_is_read() -> None:
    for pull in (True, False):
        start = FirstStart(ClusterState.EXISTING, ask=(MEMBERS[1],), cluster_id=7, pull=pull)
        body = pod()
        body["spec"] = member_pod(IDENTITY, a_spec(), MEMBER, start=start, gate=GATE)["spec"]
        assert parse.pod(body).pulled is pull
