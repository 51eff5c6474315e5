"""Compiles etcd's narrow API (`python tests/compile_proto.py`); a unit test compares with what is committed."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = "etcd_operator/etcd/rpc.proto"
COMPILED = ("etcd_operator/etcd/rpc_pb2.py", "etcd_operator/etcd/rpc_pb2.pyi")


def compile_proto(into: Path) -> None:
    """Write the two modules of `COMPILED` below the directory `into`; raises ValueError if protoc refuses the file.

    The path of the file within the repository is its name in protobuf's global pool, so no other "rpc.proto" collides.
    """
    status: int = protoc.main(["protoc", f"-I{ROOT}", f"--python_out={into}", f"--pyi_out={into}", PROTO])
    if status:
        raise ValueError(f"protoc refused {PROTO}; its own message stands above")


if __name__ == "__main__":
    compile_proto(ROOT)
    sys.stdout.write(f"{PROTO} -> {', '.join(COMPILED)}\n")
