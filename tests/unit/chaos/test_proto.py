"""The committed protobuf modules are what the compiler makes of kv.proto."""

from pathlib import Path

import pytest

from e2e.chaos.compile_kv import COMPILED, ROOT, compile_kv


@pytest.mark.parametrize("module", COMPILED)
def test_what_is_committed_is_what_the_compiler_makes(tmp_path: Path, module: str) -> None:
    compile_kv(tmp_path)
    assert (ROOT / module).read_text() == (tmp_path / module).read_text(), "run python -m e2e.chaos.compile_kv"
