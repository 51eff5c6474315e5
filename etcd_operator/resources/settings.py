"""What a member's Pod was made from, kept on the Pod, to tell what the user has changed since, and nothing else.

It is the user's part of the spec and not the Pod itself that is kept: another operator may make the Pod in another way,
or know more settings, and restarts no member for that.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from etcd_operator.api import GROUP
from etcd_operator.resources.tuning import AUTO, LARGEST_QUOTA, too_small_for_quota, volume

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from etcd_operator.api.cluster import ClusterSpec, Json

MADE_FROM = f"{GROUP}/made-from"
"""The annotation on a member's Pod."""


def made_from(spec: ClusterSpec) -> str:
    """What a Pod of `spec` is made from, for the annotation MADE_FROM."""
    return json.dumps(_settings(spec), sort_keys=True, separators=(",", ":"))


def changed_since(annotation: str, spec: ClusterSpec) -> tuple[str, ...]:
    """The settings, such as `resources` or `etcd.quota`, that `spec` has otherwise than the Pod with this annotation.

    A setting that the annotation does not have was not known when the Pod was made, so the user cannot have changed it.
    A quota for which the volume is too small has not changed before the volume is a larger one.
    Of a Pod without a readable annotation nobody knows what it was made from: then the annotation is what changed.
    """
    now, then = _settings(spec), _read(annotation)
    if not then:
        return (MADE_FROM,)
    if too_small_for_quota(spec):
        del now["etcd.quota"]
    return tuple(name for name, value in then.items() if name in now and now[name] != value)


def made_of(annotation: str) -> str | None:
    """The version of etcd that the Pod with this annotation was made of; None if it does not say."""
    version = _read(annotation).get("version")
    return version if isinstance(version, str) else None


def _settings(spec: ClusterSpec) -> Json:
    """Each setting that a Pod depends on, as it looks after a way through JSON.

    A quota that follows the volume changes when the volume does, and not when an operator reckons it otherwise.
    """
    parts: dict[str, DataclassInstance] = {
        "image": spec.image,
        "pod": spec.pod,
        "etcd": spec.etcd,
        "tls": spec.tls,
    }
    of_parts = {
        _path(name, field.name): getattr(part, field.name) for name, part in parts.items() for field in fields(part)
    }
    known = {"version": spec.version, "resources": spec.resources, **of_parts}
    settings: Json = json.loads(json.dumps(known, default=asdict))
    if spec.etcd.quota == AUTO:
        settings["etcd.quota"] = f"{AUTO} on {min(volume(spec), 2 * LARGEST_QUOTA)}"
    elif too_small_for_quota(spec):
        settings["etcd.quota"] = f"{spec.etcd.quota} on {volume(spec)}"
    return settings


@cache
def _path(part: str, field: str) -> str:
    """The setting as people write it: `pod.nodeSelector`."""
    first, *more = field.removeprefix("auto_compaction_").split("_")
    inner = "autoCompaction." if field.startswith("auto_compaction_") else ""
    return f"{part}.{inner}{first}{''.join(word.capitalize() for word in more)}"


def _read(annotation: str) -> dict[str, Any]:
    try:
        found = json.loads(annotation)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
