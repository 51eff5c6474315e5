"""The committed protobuf modules are what the compiler makes of rpc.proto."""

from pathlib import Path

import pytest

from tests.compile_proto import COMPILED, ROOT, compile_proto


@pytest.mark.parametrize("module", COMPILED)
def test_what_is_committed_is_what_the_compiler_makes(tmp_path: Path, module: str) -> None:
    compile_proto(tmp_path)
    assert (ROOT / module).read_text() == (tmp_path / module).read_text(), "run python tests/compile_proto.py"
