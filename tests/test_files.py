import errno

import pytest

from aslp_lib import files


def raise_full(path, *_):
    where = [] if isinstance(path, int) else [path]
    raise OSError(errno.ENOSPC, "No space left on device", *where)


def raise_stop(*_):
    raise KeyboardInterrupt


@pytest.mark.fault("the disk is full", "the file of before stays whole, and nothing else is left")
@pytest.mark.fault(
    "Ctrl-C comes while a file is written", "the file of before stays, and nothing half made"
)
@pytest.mark.parametrize("stop", [raise_full, raise_stop])
@pytest.mark.parametrize("before", ["old", None])
def test_what_stops_a_write_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch, before, stop):
    path = tmp_path / "log.csv"
    if before:
        files.write(path, before)
    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises((OSError, KeyboardInterrupt)) as error:
        files.write(path, "new")
    if stop is raise_full:
        assert f"could not write {path} (No space left on device)" in str(error.value)
        assert ("its last version is untouched" in str(error.value)) == bool(before)
    with pytest.raises((OSError, KeyboardInterrupt)), files.whole_folder(tmp_path / "maps") as maps:
        files.write(maps / "a.png", "new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.fault(
    "what is half made is removed, and a user's own files have names like it",
    "only names of ours are removed",
)
def test_only_what_is_surely_ours_is_removed(tmp_path, leave_half):
    ours = leave_half(tmp_path / "maps"), leave_half(tmp_path / "bce" / "maps")
    theirs = [tmp_path / name for name in ("maps.partial", ".maps.1.partial", ".aslp-my.partial")]
    for folder in (*ours, *theirs):
        folder.mkdir()
        (folder / "file").touch()
    with files.whole_folder(tmp_path / "maps") as folder:
        (folder / "file").touch()
    files.discard_partials(tmp_path)
    assert set(tmp_path.iterdir()) == {*theirs, tmp_path / "maps", tmp_path / "bce"}
    assert not list((tmp_path / "bce").iterdir())


@pytest.mark.fault("a file that is written anew is a link, or private", "so it is afterwards")
def test_links_and_modes_are_kept(tmp_path):
    path, link = tmp_path / "there" / "file", tmp_path / "link"
    link.symlink_to("there/file")
    files.write(link, "first")  # its target is made, folder included
    files.write(tmp_path / "there" / f"{'s' * 251}.png", "a long name")
    for mode in (0o600, 0o664):
        path.chmod(mode)
        files.write(link, f"{mode}")
        assert link.is_symlink() and path.read_text() == f"{mode}"
        assert path.stat().st_mode & 0o777 == mode
    new = tmp_path / "new"
    new.symlink_to("elsewhere")
    with files.whole_folder(new) as folder:
        (folder / "file").touch()
    assert new.is_symlink() and [each.name for each in new.iterdir()] == ["file"]
    assert {each.name for each in tmp_path.iterdir()} == {"there", "link", "new", "elsewhere"}


@pytest.mark.fault("a file to write is read-only", "a command says so before its work")
def test_a_read_only_file_is_no_output(tmp_path, monkeypatch):
    path = tmp_path / "scores.json"
    path.touch(0o444)

    def access(path, mode):
        """Of a user who is not root."""
        return bool(path.stat().st_mode & 0o200)

    monkeypatch.setattr(files.os, "access", access)
    with pytest.raises(PermissionError, match=r"--out cannot be written: .*the file is read-only"):
        files.check_output("--out", path, (".json",))
    path.chmod(0o644)
    files.check_output("--out", path, (".json",))
