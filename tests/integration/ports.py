"""Ports for servers that are told where to listen, and that may listen there again after a restart."""

import random
import socket
from pathlib import Path

_FIRST = 20000
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """`count` ports on which nobody listens, none given twice.

    They lie below the range from which the kernel takes the near ends of outgoing connections: any of those may be
    taken between the moment a port was found free and the moment a server opens it.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = random.sample(range(_FIRST, lowest), k=lowest - _FIRST)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        if port not in _given and _is_free(port):
            found.append(port)
    assert len(found) == count, f"no {count} ports are free between {_FIRST} and {lowest}"
    _given.update(found)
    return found


def _is_free(port: int) -> bool:
    """Whether nobody listens on `port` at any address, IPv6 or IPv4."""
    try:
        socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True).close()
    except OSError:
        return False
    return True
