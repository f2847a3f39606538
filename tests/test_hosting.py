"""Files for hosts follow their published schemas, which check-jsonschema carries."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCHEMAS = {
    "vendor.github-workflows": [*(ROOT / ".github/workflows").iterdir()],
    "vendor.readthedocs": [ROOT / ".readthedocs.yaml"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_follow_their_schema(schema):
    words = ["-m", "check_jsonschema", "--builtin-schema", schema, *SCHEMAS[schema]]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
