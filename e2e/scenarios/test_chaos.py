"""Two minutes of faults of every sort that can overlap; `make chaos` does them for longer, and at random."""

from e2e.chaos import results
from e2e.chaos.faults import Fault, Kind
from e2e.chaos.run import Arena, run
from e2e.cluster import Cluster
from e2e.cluster.progress import note
from e2e.support.clusters import EtcdCluster
from e2e.support.operator import Operator

SEED = "scenario"
SECONDS = 120.0

FAULTS = (
    Fault(1, Kind.KILL, seconds=0, pause=1, pick=0.5),
    Fault(2, Kind.KILL_OPERATOR, seconds=0, pause=0, pick=0),
    # While nobody leads.
    Fault(3, Kind.LOSE_VOLUME, seconds=0, pause=2, pick=0.9),
    Fault(4, Kind.POWER_CUT, seconds=6, pause=1, pick=0.5),
    Fault(5, Kind.SCALE, seconds=12, pause=3, pick=0),
    # While members come and go.
    Fault(6, Kind.DELETE_POD, seconds=0, pause=1, pick=0.2),
    Fault(7, Kind.CUT_OPERATOR, seconds=12, pause=1, pick=0),
    Fault(8, Kind.KILL, seconds=0, pause=1, pick=0.1),
)


def test_nothing_acknowledged_is_lost_and_the_cluster_is_as_specified_afterwards(
    orders: EtcdCluster, cluster: Cluster, operator: Operator
) -> None:
    cluster.heal()  # says at once whether the nodes are ours to break
    result = run(Arena(cluster, operator, orders), iter(FAULTS), seconds=SECONDS, seed=SEED, say=note)
    results.write(result)
    assert result.violations == ()
    assert not result.passed_over
    assert len(result.records) >= 6, "recoveries took so long that hardly a fault was done"
