"""What the operator knows of etcd: its calls, its refusals, and what each version can do.

Nothing is imported here, so that pure code can use `client` (the seam: `EtcdClient` and its values), `errors` and
`versions` without gRPC; `grpc_client` holds the adapter that does speak it.
"""
