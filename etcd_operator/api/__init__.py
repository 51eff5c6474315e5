"""The custom resources as typed, frozen values: what users write and what they read back. No I/O."""

GROUP = "etcd-operator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
