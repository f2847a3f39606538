import csv
import errno
import os

import pytest

from aslp_lib import files


def raise_full(path, *_):
    where = [] if isinstance(path, int) else [path]
    raise OSError(errno.ENOSPC, "No space left on device", *where)


def raise_stop(*_):
    raise KeyboardInterrupt


def text_of(cell: str) -> str:
    """The text that a cell was written from."""
    return cell[1:] if cell.startswith("'") and files.FORMULA.match(cell) else cell


def test_the_texts_of_a_table_can_be_told_from_its_cells(tmp_path):
    texts = ["=a", "'=a", "''+a", "'", "''", "a=", "-1", "'a", "", 'a,"b"\nc', "é"]
    files.write_csv(tmp_path / "a.csv", ["text", "number"], [[text, -0.5] for text in texts])
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [text_of(row["text"]) for row in rows] == texts
    assert {row["number"] for row in rows} == {"-0.5"}
    assert "\n'=a,-0.5\n''=a," in (tmp_path / "a.csv").read_text()


@pytest.mark.fault
def test_a_file_that_fills_the_memory_is_not_read(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES + 2**20)  # it takes no space on the disk
    with pytest.raises(ValueError, match=r"huge\.png has 1025 MiB; expected at most 1024 MiB"):
        files.read(path)


@pytest.mark.fault
@pytest.mark.parametrize("stop", [raise_full, raise_stop])
@pytest.mark.parametrize("before", ["old", None])
def test_what_stops_a_write_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch, before, stop):
    """The disk is full, or Ctrl-C comes."""
    path = tmp_path / "log.csv"
    if before:
        files.write(path, before)
    monkeypatch.setattr(files.os, "fsync", stop)
    with pytest.raises((OSError, KeyboardInterrupt)) as error:
        files.write(path, "new")
    if stop is raise_full:
        assert f"could not write {path} (No space left on device)" in str(error.value)
        assert ("its last version is untouched" in str(error.value)) == bool(before)
    with (
        pytest.raises((OSError, KeyboardInterrupt)) as error,
        files.whole_folder(tmp_path / "maps") as maps,
    ):
        files.write(maps / "a.png", "new")
    if stop is raise_full:
        assert "a.png (No space left on device)" in str(error.value)
    assert [p.read_text() for p in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.fault
def test_of_two_that_make_one_folder_the_second_fails(tmp_path):
    """Both have found that there is no such folder."""
    target = tmp_path / "maps"
    with (
        pytest.raises(OSError, match=f"not empty: .*{target}"),
        files.whole_folder(target) as second,
    ):
        files.write(second / "b.png", "b")
        with files.whole_folder(target) as first:
            files.write(first / "a.png", "a")
    assert {path.name for path in tmp_path.rglob("*")} == {"maps", "a.png"}


@pytest.mark.fault
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


@pytest.mark.fault
@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to a read-only file")
def test_a_read_only_file_is_no_output(tmp_path):
    """A command says so before it begins its work."""
    path = tmp_path / "scores.json"
    path.touch(0o444)
    with pytest.raises(PermissionError, match=r"--out cannot be written: .*the file is read-only"):
        files.check_output("--out", path, (".json",))
