"""What makes two moments of a simulation the same: everything but names, identifiers, times and prose.

Two runs that reach the same moment have the same future, so that only one of them needs to be followed.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

from etcd_operator.resources.kinds import Kind
from etcd_operator.resources.names import WITHDRAWN
from etcd_operator.resources.ownership import DISMISSED
from etcd_operator.resources.secret import INITIAL_CLUSTER
from etcd_operator.startcheck import members_of
from tests.simulation.kubernetes import secret_data
from tests.simulation.reconfiguration import HEALTH_INTERVAL
from tests.simulation.scenario import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etcd_operator.kube.port import Json
    from tests.simulation.raft import Data
    from tests.simulation.world import World

_PROSE = ("reason", "message", "since", "at", "lastTransitionTime", "observedGeneration", "id")
_BLOB = re.compile(r"blob:[0-9a-f]{16}")
_CACHE: dict[str, tuple[str, ...]] = {}


def fingerprint(world: World) -> str:
    """A digest that is equal for equal moments."""
    text = "\n".join((*_objects(world), *_machines(world), *_clocks(world), *_story(world)))
    lines = sorted(_renamed(text, world).split("\n"))
    blobs: dict[str, str] = {}
    numbered = _BLOB.sub(lambda found: blobs.setdefault(found[0], f"blob {len(blobs)}"), "\n".join(lines))
    return hashlib.sha256(numbered.encode()).hexdigest()


def forget() -> None:
    """Let go of what was kept for speed: no object of one exploration is met in another."""
    _CACHE.clear()


def _renamed(text: str, world: World) -> str:
    """Member names by their place: the members of the record, then newcomers and leavers, then all others."""
    record = world.record
    left = (leaver.member for leaver in record.left)
    order = dict.fromkeys((*record.present, *left, *world.history.named))
    if not order:
        return text
    places = {name: f"member {place}" for place, name in enumerate(order)}
    return re.sub("|".join(map(re.escape, order)), lambda found: places[found[0]], text)


def _objects(world: World) -> Iterator[str]:
    for (kind, _, name), body in world.server.objects.items():
        version = body["metadata"]["resourceVersion"]
        if version not in _CACHE:
            _CACHE[version] = tuple(_lines(world, kind, name, body))
        yield from _CACHE[version]


def _lines(world: World, kind: Kind, name: str, body: Json) -> Iterator[str]:
    about, start = body["metadata"], f"{kind.value.kind} {name}"
    owners = sorted(owner["uid"] for owner in about.get("ownerReferences", ()))
    marks = {key: value for key, value in about.get("annotations", {}).items() if key != DISMISSED}
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
            yield f"{start}: {json.dumps(_without_prose([body.get('spec'), body.get('status')]), sort_keys=True)}"


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
            case "membership":
                for part, content in value.items():
                    entries = content if isinstance(content, list) else [content]
                    yield from (f"status {part}: {json.dumps(_without_prose(entry))}" for entry in entries)
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
    journals = [data.journal for data in (*etcd.stored.values(), *(one.data for one in etcd.processes.values()))]
    rank = {length: place for place, length in enumerate(sorted({journal.up_to_date for journal in journals}))}
    leading = {lead.pod for lead in etcd.leads.values()}
    for uid, process in etcd.processes.items():
        known = rank[process.data.journal.up_to_date]
        yield f"process {pods.get(uid)}: {process.serving} {uid in leading} {known} {_known(process.data)}"
    for uid, files in etcd.volumes.items():
        data = etcd.stored.get(uid)
        stored = None if data is None else f"{rank[data.journal.up_to_date]} {_known(data)}"
        yield f"volume {claims.get(uid)}: {sorted(map(str, files))} {stored}"
    for uid, box in nodes.sandboxes.items():
        trouble = None if box.trouble is None else box.trouble.reason
        permitted = sorted((box.environment or {}).values())
        yield f"sandbox {pods.get(uid)}: {box.node} {box.stage} {box.running} {trouble} {permitted} {uid in nodes.ran}"
    yield f"machines: {sorted(nodes.power.items(), key=str)} {sorted(nodes.missing_images)}"
    yield f"quota: {sorted(map(str, world.server.limits.items()))} {sorted(map(str, world.server.forbidden))}"
    yield from (f"held: {name}" for name in nodes.held)
    yield from (f"stuck: {name}" for name in nodes.stuck)
    yield from (f"cut: {name}" for name in etcd.cut)
    yield from (f"slow: {name}" for name in etcd.slow)
    yield from (f"mute: {name}" for name in etcd.mute)
    yield from (f"unreached: {name}" for name in world.unreached)
    yield from (f"volume {claims.get(uid)} ends all with: {end.message}" for uid, end in etcd.damaged.items())


def _clocks(world: World) -> Iterator[str]:
    """For how long what has been, as far as anybody waits for it."""
    now, nodes = world.server.now, world.nodes
    names = {process.pod: process.member for process in world.etcd.processes.values()}
    if world.record.joining or world.record.removing or world.phase < len(world.scenario.script):
        for link, since in world.etcd.links.items():
            age = min((now - since).total_seconds(), HEALTH_INTERVAL + 1)
            yield f"link {' '.join(sorted(names[pod] for pod in link))}: {age:.0f}"
    for name, since in nodes.silent.items():
        yield f"{name} is silent: {_age(world, since)}"
    if nodes.silent:
        for pod in world.server.list(Kind.POD):
            for entry in pod["status"].get("conditions", ()):
                if entry["type"] == "PodScheduled" and entry["status"] == "False":
                    waits = _age(world, datetime.fromisoformat(entry["lastTransitionTime"]))
                    yield f"{pod['metadata']['name']} finds no place: {waits}"


def _age(world: World, since: datetime) -> int:
    """Seconds by the dozen, as long as it matters."""
    return min(int((world.server.now - since).total_seconds()) // 12, 12)


def _story(world: World) -> Iterator[str]:
    history = world.history
    yield f"story: {world.phase} {world.operator_down} {len(history.acknowledged)}"
    for what in ("lived", "voted", "removed", "dismissed", "expelled"):
        yield from (f"{what}: {name}" for name in getattr(history, what))


def _known(data: Data) -> str:
    """What a member knows of the others, and how much was written."""
    members = sorted(f"{member.peer_urls[0]} {member.is_learner} {member.started}" for member in data.journal.members)
    version = f"{data.journal.version} {data.journal.lowered} {data.has_old_entries}"
    return f"{len(data.journal.puts)} {version} {members}"
