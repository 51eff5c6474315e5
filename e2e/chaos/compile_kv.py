"""Compiles `kv.proto` (`python -m e2e.chaos.compile_kv`); a unit test compares with what is committed."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
PROTO = "e2e/chaos/kv.proto"
COMPILED = ("e2e/chaos/kv_pb2.py", "e2e/chaos/kv_pb2.pyi")


def compile_kv(into: Path) -> None:
    """Write the two modules of `COMPILED` below the directory `into`; raises ValueError if protoc refuses the file."""
    status: int = protoc.main(["protoc", f"-I{ROOT}", f"--python_out={into}", f"--pyi_out={into}", PROTO])
    if status:
        raise ValueError(f"protoc refused {PROTO}; its own message stands above")


if __name__ == "__main__":
    compile_kv(ROOT)
    sys.stdout.write(f"{PROTO} -> {', '.join(COMPILED)}\n")
