"""The readers meet what was found, and a little more of the same kind. `make fuzz` goes on."""

from pathlib import Path

import fuzz
import pytest

CASES = 40


@pytest.mark.fault(
    "a file of any kind with parts that fit no other", "read right, or refused in words"
)
@pytest.mark.parametrize("name", fuzz.READERS)
def test_spoiled_files_are_read_right_or_refused(name, tmp_path):
    reader = fuzz.READERS[name]
    seeds = list(reader.seeds(tmp_path))
    path = tmp_path / "here" / reader.file
    path.parent.mkdir()
    seen = set()
    for number in range(CASES):
        path.write_bytes(reader.case(seeds, "test", name, number))
        kind, what = fuzz.outcome(reader.read, path)
        assert kind != "find", f"{number}: {what}"
        seen.add(kind)
    assert seen == {"accepted", "refused"}  # neither too tame nor too wild


@pytest.mark.parametrize("name", fuzz.READERS)
def test_good_files_are_read(name, tmp_path):
    reader = fuzz.READERS[name]
    path = tmp_path / "here" / reader.file
    path.parent.mkdir()
    kinds = []
    for data in reader.seeds(tmp_path):
        path.write_bytes(data)
        kinds.append(fuzz.outcome(reader.read, path))
    assert ("accepted", "") in kinds
    assert not any(kind == "find" for kind, _ in kinds)


@pytest.mark.parametrize("found", sorted(fuzz.FOUND.glob("*")), ids=lambda path: path.name)
def test_what_was_found_is_mended(found: Path, tmp_path):
    reader = fuzz.READERS[found.name.partition("-")[0]]
    path = tmp_path / reader.file
    path.write_bytes(found.read_bytes())
    kind, what = fuzz.outcome(reader.read, path)
    assert kind != "find", what
