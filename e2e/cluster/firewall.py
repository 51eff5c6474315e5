"""Network failures between nodes, made with the nodes' own firewalls, and the way from this machine to the Pods."""

import json
import os
from pathlib import Path
from typing import Literal

from e2e.cluster import nodes, progress
from e2e.cluster.commands import output, succeeds
from e2e.cluster.errors import LocalClusterError
from e2e.cluster.settings import Node, Settings

CHAIN = "FAILURES"
# raw comes before address translation and before any other rule, for what the node receives and for what it forwards.
HOOK = ("-t", "raw")
Answer = Literal["silence", "refusal"]


def cut(one: Node, other: Node) -> None:
    """Drop everything between two nodes and their Pods, open connections included, in both directions."""
    for here, there in ((one, other), (other, one)):
        _prepare(here)
        for source in (there.address, there.pods):
            nodes.run(here, ["iptables", *HOOK, "-A", CHAIN, "-s", str(source), "-j", "DROP"])


def cut_apiserver(node: Node, answer: Answer) -> None:
    """Let nobody reach the apiserver on `node`, not even the node itself: by `silence`, or by `refusal`."""
    verdict = ["DROP"] if answer == "silence" else ["REJECT", "--reject-with", "tcp-reset"]
    rule = ["-p", "tcp", "--dport", "6443", "-m", "comment", "--comment", CHAIN, "-j", *verdict]
    nodes.run(node, ["iptables", "-I", "INPUT", *rule])


def heal(node: Node) -> None:
    """Undo every cut on `node`; a node that is off or frozen has none, or keeps them until it is healed."""
    if nodes.container(node).status != "running":
        return
    nodes.run(node, ["sh", "-c", f"iptables -t raw -F {CHAIN} 2>/dev/null || true"])
    remove = f"iptables -S INPUT | grep -- '--comment {CHAIN}' | sed 's/^-A/-D/' | xargs -r -L 1 iptables"
    nodes.run(node, ["sh", "-c", remove])


def open_routes(settings: Settings) -> None:
    """Make Pods and Services reachable from this machine; without root's rights the cluster does without."""
    if os.geteuid() != 0:
        progress.note("not root: Pods and Services cannot be reached from this machine but through kubectl")
        return
    for node in settings.nodes:
        output(["ip", "route", "replace", str(node.pods), "via", str(node.address)])
    output(["ip", "route", "replace", str(settings.services), "via", str(settings.control_plane.address)])


def remove_dead_links(settings: Settings) -> None:
    """Unplug what is left on the nodes' network when no node is on it.

    When an engine is killed, the interface of a dead container lives on for minutes, as long as the kernel tries to end
    its connections, and answers for the address that the container will have again.
    """
    bridge = nodes.unused_bridge(settings)
    if bridge is None or os.geteuid() != 0:
        return
    for link in json.loads(output(["ip", "-json", "link", "show", "master", bridge])):
        succeeds(["ip", "link", "delete", link["ifname"]])


def close_routes(settings: Settings) -> None:
    """Remove what `open_routes` made; most of it went with the network already."""
    for network in (*(node.pods for node in settings.nodes), settings.services):
        succeeds(["ip", "route", "delete", str(network)])


def see_bridged_packets() -> None:
    """Load the kernel module without which two Pods of one node cannot meet through a Service."""
    if not Path("/proc/sys/net/bridge").exists() and not succeeds(["modprobe", "br_netfilter"]):
        raise LocalClusterError("the kernel module br_netfilter is missing: load it with `sudo modprobe br_netfilter`")


def check_free(settings: Settings) -> None:
    """Raise LocalClusterError when this machine routes one of the cluster's networks elsewhere."""
    for name, network in (("PODS", settings.pods), ("SERVICES", settings.services)):
        used = output(["ip", "route", "show", "root", str(network)]).strip()
        if used:
            line = used.splitlines()[0]
            raise LocalClusterError(f"{network} is in use here ({line}); set LOCAL_CLUSTER_{name} to a free /16")


def _prepare(node: Node) -> None:
    # Made once and kept; the hook is added only if it is not there.
    script = (
        f"iptables -t raw -N {CHAIN} 2>/dev/null; "
        f"iptables -t raw -C PREROUTING -j {CHAIN} 2>/dev/null || iptables -t raw -A PREROUTING -j {CHAIN}"
    )
    nodes.run(node, ["sh", "-c", script])
