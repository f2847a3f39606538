import errno
import subprocess
import sys

import pytest

from aslp_lib import files


@pytest.mark.fault("the disk is full", "the file of before stays whole, and nothing else is left")
def test_a_full_disk_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    files.write(path, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=r"could not write .*log\.csv \(No space left"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.fault(
    "Ctrl-C comes while a file is written", "the file of before stays, and nothing half made"
)
def test_what_is_stopped_while_it_writes_leaves_nothing(tmp_path, monkeypatch):
    def stop(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "log.csv", "new")
    with pytest.raises(KeyboardInterrupt), files.whole_folder(tmp_path / "maps") as folder:
        files.write(folder / "a.png", "new")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.fault(
    "a folder TARGET.partial, or hidden files that end so, are a user's own",
    "they are left alone: what is half made has names of ours",
)
def test_only_what_is_surely_ours_and_dead_is_removed(tmp_path, monkeypatch, dead):
    alive = files.partial_beside(tmp_path / "maps")
    monkeypatch.setattr(files.os, "getpid", lambda: dead)
    ours = files.partial_beside(tmp_path / "maps")
    monkeypatch.setattr(files.platform, "node", lambda: "another")
    elsewhere = files.partial_beside(tmp_path / "maps")
    monkeypatch.undo()
    theirs = [tmp_path / name for name in ("maps.partial", ".maps.1.partial", ".aslp-my.partial")]
    for folder in (alive, ours, elsewhere, *theirs):
        folder.mkdir()
        (folder / "file").touch()
    with files.whole_folder(tmp_path / "maps") as folder:
        (folder / "file").touch()
    assert set(tmp_path.iterdir()) == {alive, elsewhere, *theirs, tmp_path / "maps"}
    files.discard_partials(tmp_path)  # of who alone works there
    assert set(tmp_path.iterdir()) == {*theirs, tmp_path / "maps"}


def test_a_long_name_can_be_written(tmp_path):
    files.write(tmp_path / f"{'s' * 251}.png", "content")
