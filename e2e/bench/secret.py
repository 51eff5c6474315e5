"""How applications prove who they are: the Secret that the operator makes for them."""

import base64

from e2e.support.kube import Json
from etcd_operator.etcd.client import Tls
from etcd_operator.resources.secret import CA_BUNDLE, CERTIFICATE, KEY


def tls(secret: Json, host: str) -> Tls:
    """The credentials in a Secret `<cluster>-client`, for a server whose certificate carries the name `host`."""
    files = {name: base64.b64decode(secret["data"][name]) for name in (CA_BUNDLE, CERTIFICATE, KEY)}
    return Tls(files[CA_BUNDLE], files[CERTIFICATE], files[KEY], host)
