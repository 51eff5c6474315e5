"""What makes two moments of a simulation the same: everything but names, identifiers, times and prose.

Two runs that reach the same moment have the same future, so that only one of them needs to be followed.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import POD_HASH
from etcd_operator.resources.secret import INITIAL_CLUSTER
from etcd_operator.startcheck import members_of
from tests.simulation.kubernetes import secret_data
from tests.simulation.scenario import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.kube.port import Json
    from tests.simulation.world import World

_PROSE = ("reason", "message", "since", "lastTransitionTime", "observedGeneration", "id")
_BLOB = re.compile(r"blob:[0-9a-f]{16}")
_CACHE: dict[str, tuple[str, ...]] = {}


def fingerprint(world: World) -> str:
    """A digest that is equal for equal moments."""
    text = "\n".join((*_objects(world), *_machines(world), *_story(world)))
    lines = sorted(_renamed(text, world).split("\n"))
    blobs: dict[str, str] = {}
    numbered = _BLOB.sub(lambda found: blobs.setdefault(found[0], f"blob {len(blobs)}"), "\n".join(lines))
    return hashlib.sha256(numbered.encode()).hexdigest()


def forget() -> None:
    """Let go of what was kept for speed: no object of one exploration is met in another."""
    _CACHE.clear()


def _renamed(text: str, world: World) -> str:
    """Member names by their place: the members of the record, then those that are being given up, then all others."""
    abandoned = world.status.get("bootstrap", {}).get("abandoned", ())
    order = dict.fromkeys((*world.members, *abandoned, *world.history.named))
    if not order:
        return text
    places = {name: f"member {place}" for place, name in enumerate(order)}
    return re.sub("|".join(map(re.escape, order)), lambda found: places[found[0]], text)


def _objects(world: World) -> Iterator[str]:
    for kind, _, name in world.server.objects:
        body = world.server.objects[kind, NAMESPACE, name]
        version = body["metadata"]["resourceVersion"]
        if version not in _CACHE:
            _CACHE[version] = tuple(_lines(world, kind, name, body))
        yield from _CACHE[version]


def _lines(world: World, kind: Kind, name: str, body: Json) -> Iterator[str]:
    about, start = body["metadata"], f"{kind.value.kind} {name}"
    owners = sorted(owner["uid"] for owner in about.get("ownerReferences", ()))
    marks = {key: value for key, value in about.get("annotations", {}).items() if key != POD_HASH}
    ends = "deletionTimestamp" in about
    yield f"{start}: {json.dumps([about.get('labels'), marks, owners, ends], sort_keys=True)}"
    match kind:
        case Kind.SECRET:
            yield from _secret_lines(world, name, start)
        case Kind.CLUSTER:
            yield f"{start}: {about['generation']} {json.dumps(body['spec'], sort_keys=True)}"
            yield from _status_lines(body.get("status", {}))
        case Kind.POD:
            status = {**body.get("status", {}), "podIP": "podIP" in body.get("status", {})}
            yield f"{start}: {json.dumps([body['spec'], _without_prose(status)], sort_keys=True)}"
        case Kind.CORE_EVENT:
            pass
        case _:
            yield f"{start}: {json.dumps([body.get('spec'), body.get('status')], sort_keys=True)}"


def _secret_lines(world: World, name: str, start: str) -> Iterator[str]:
    for key, value in secret_data(world.server, NAMESPACE, name).items():
        if key == INITIAL_CLUSTER:
            yield from (f"{start}: permits {member}" for member in members_of(value.decode() or WITHDRAWN))
        else:
            yield f"{start}: {key} blob:{hashlib.sha256(value).hexdigest()[:16]}"


def _status_lines(status: Json) -> Iterator[str]:
    for key, value in status.items():
        match key:
            case "clusterID":
                yield "status: formed"
            case "members" | "conditions":
                yield from (f"status {key}: {json.dumps(_without_prose(entry), sort_keys=True)}" for entry in value)
            case "bootstrap":
                yield from (f"status {part}: {name}" for part, names in value.items() for name in names)
            case _:
                yield f"status {key}: {json.dumps(_without_prose(value), sort_keys=True)}"


def _without_prose(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_prose(part) for key, part in value.items() if key not in _PROSE}
    if isinstance(value, list):
        return [_without_prose(part) for part in value]
    return value


def _machines(world: World) -> Iterator[str]:
    etcd, nodes = world.etcd, world.nodes
    pods = {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in world.server.list(Kind.POD)}
    claims = {claim["metadata"]["uid"]: claim["metadata"]["name"] for claim in world.server.list(Kind.CLAIM)}
    logs = {data.up_to_date for data in (*etcd.stored.values(), *(one.data for one in etcd.processes.values()))}
    rank = {log: place for place, log in enumerate(sorted(logs))}
    for uid, process in etcd.processes.items():
        leads = uid in etcd.leaders.values()
        known = sorted(listed.name for listed in process.data.listed)
        written = len(process.data.puts)
        yield f"process {pods.get(uid)}: {process.serving} {leads} {rank[process.data.up_to_date]} {written} {known}"
    for uid, files in etcd.volumes.items():
        data = etcd.stored.get(uid)
        stored = None if data is None else (rank[data.up_to_date], len(data.puts))
        yield f"volume {claims.get(uid)}: {sorted(map(str, files))} {stored} {nodes.homes.get(uid)}"
    for uid, box in nodes.sandboxes.items():
        trouble = None if box.trouble is None else box.trouble.reason
        yield f"sandbox {pods.get(uid)}: {box.stage} {box.running} {trouble}"
    rooms = [(name, node.room, node.on) for name, node in nodes.nodes.items()]
    yield f"machines: {rooms} {sorted(nodes.missing_images)} {sorted(map(str, world.server.limits.items()))}"
    yield from (f"held: {name}" for name in nodes.held)
    yield from (f"cut: {name}" for name in etcd.cut)


def _story(world: World) -> Iterator[str]:
    history = world.history
    yield f"story: {world.phase} {world.operator_down} {len(history.acknowledged)}"
    yield from (f"lived: {url}" for url in history.lived)
