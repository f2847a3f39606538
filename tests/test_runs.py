import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
import torch
from safetensors.torch import save_file

from aslp_lib import networks, runs
from aslp_lib.cli import main
from aslp_lib.config import Settings
from aslp_lib.data.folders import paper_layout
from aslp_lib.tensors import fill, fingerprint, load_tensors, save_tensors


@pytest.mark.fault
def test_a_run_needs_a_folder_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a run; expected .* settings\.json"):
        runs.Run.open(tmp_path)
    (tmp_path / "file").touch()  # no number helps
    with pytest.raises(OSError, match="file"):
        runs.Run.create(tmp_path / "file" / "demo", Settings())


@pytest.mark.fault
def test_a_taken_folder_gets_a_number_and_each_keeps_its_settings(tmp_path):
    """Even if eight begin at the same time."""
    together = Barrier(8)

    def create(name: str, seed: int) -> runs.Run:
        together.wait()
        return runs.Run.create(tmp_path / name, replace(Settings(), seed=seed))

    with ThreadPoolExecutor(8) as pool:
        for name in "abcde":
            made = list(pool.map(create, name * 8, range(8)))
            names = {run.path.name for run in made}
            assert names == {name, *(f"{name}-{number}" for number in range(2, 9))}
            assert all(runs.Run.open(run.path).settings == run.settings for run in made)
    assert len(list(tmp_path.iterdir())) == 40  # and no litter


HOLD = """
import sys, time
from pathlib import Path
from aslp_lib import files

lock, maps = Path(sys.argv[1]) / ".lock", Path(sys.argv[2])
with files.locked(lock, "busy"), files.whole_folder(maps) as folder:
    files.write(folder / "a.png", "a")
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("command", ["--resume", "predict", "evaluate"])
@pytest.mark.fault
def test_a_run_is_one_process_s_while_it_lives(tmp_path, command, monkeypatch, capsys):
    """The second process touches nothing; once the first is killed, the next one clears up."""
    run = runs.Run.create(tmp_path / "demo", replace(Settings(), limit=1, epochs=1))
    hold = [sys.executable, "-c", HOLD, run.path, run.path / "bce" / "maps" / "test"]
    theirs = run.path / f".aslp-{16 * '0'}.partial"  # the output of `predict --images`
    theirs.mkdir()
    with subprocess.Popen(hold, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        before = set(run.path.rglob("*"))
        monkeypatch.setattr(runs, "PATIENCE", 0.1)
        assert main([command, str(run.path)]) == 1
        assert f"another process is at work on {run.path}" in capsys.readouterr().err
        assert set(run.path.rglob("*")) == before
        holder.kill()
    (run.path / f".aslp-{16 * 'f'}.partial").touch()  # of metrics.json
    with run.held():
        left = {path.name for path in run.path.rglob("*")}
        assert left == {".lock", "settings.json", "bce", "maps", theirs.name}


def replace_file(root, part):
    first, second = sorted((root / "Train/leaves" / part).iterdir())[2:4]
    first.write_bytes(second.read_bytes())


def remove_pair(root):
    for path in root.glob("Train/*/*/leaves_0002.*"):
        path.unlink()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "share", "why"),
    [
        (lambda root: replace_file(root, "Image"), 0.5, "masks .*: 1, such as leaves_0002; expect"),
        (lambda root: replace_file(root, "GT"), 0.5, "masks .*: 1, such as leaves_0002; expected"),
        # Of the 11 images that remain, others are held out, but only one was removed.
        (remove_pair, 0.5, "images or masks .*: 1, such as leaves_0002; expected"),
        (lambda _: None, 0.25, r"images or masks of the set train .* start a new run"),
    ],
)
def test_a_run_does_not_go_on_with_other_images_or_another_split(
    own_root, tmp_path, change, share, why
):
    run = runs.Run.create(tmp_path / "run", Settings())
    data = paper_layout(own_root, size=16, validation_share=0.5)
    run.check_lists(data)  # killed before it wrote anything down
    run.keep_lists(data)
    run.check_lists(data)
    change(own_root)
    after = paper_layout(own_root, size=16, validation_share=share)
    with pytest.raises(ValueError, match=why):
        run.check_lists(after)
    assert run.split_sizes(after) == [6, 6]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("fingerprints.json", b'{"train": {"\xff": "1"}}', "can't decode byte 0xff.* Restore"),
        ("fingerprints.json", b"", "Expecting value.* Restore"),
        ("fingerprints.json", b'{"train": {"a": 1}}', "an object of objects.* Restore"),
        ("log.csv", b"epoch,loss\n1,low\n", "could not convert .*'low'"),
        ("log.csv", b"epoch,loss\n", "there are no rows"),
        ("log.csv", b"epoch\n1,2\n", "'list'"),
        ("log.csv", b"loss\n1\n", "there are no rows with an epoch"),
        ("log.csv", b'epoch\n"1', "unexpected end of data"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(paper_root, tmp_path, name, content, why):
    run = runs.Run.create(tmp_path / "run", Settings())
    (run.path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} (does not hold|is not the log) .*{why}"):
        run.check_lists(paper_layout(paper_root, size=16))
        runs.read_log(run.path / name)


@pytest.mark.fault
def test_no_bit_of_a_file_flips_unnoticed(tmp_path):
    """Be it of a value, a name, a shape, or of what is said of them."""
    path = tmp_path / "t.safetensors"
    tensors, facts = {"a": torch.rand(3), "n": torch.tensor(7)}, {"log": [{"ece": 0.25}]}
    save_tensors(path, tensors, facts)
    assert load_tensors(path)[1] == facts
    good, noticed = path.read_bytes(), 0
    bits = range(0, 8 * len(good), 3)  # of every byte
    for bit in bits:
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found, said = load_tensors(path)
        except ValueError as error:
            assert "t.safetensors is damaged" in str(error)
            noticed += 1
        else:  # the SHA-256 or the facts have lost their own name: the values are right
            assert fingerprint(found) == fingerprint(tensors)
            assert said == {} or said["log"] == facts["log"]
    assert noticed > 0.9 * len(bits)
    with pytest.raises(FileNotFoundError, match="no file"):
        load_tensors(tmp_path / "none")


def test_a_file_may_lack_the_checksum(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", {"facts": '{"network": "tiny"}'})
    assert load_tensors(tmp_path / "a.safetensors")[1] == {"network": "tiny"}


def test_a_fingerprint_is_of_names_types_shapes_and_values():
    a, b = torch.arange(6.0), torch.tensor(1)
    different = [
        *({"a": a, "b": b}, {"a": a}, {"c": a, "b": b}, {"a": a.view(2, 3), "b": b}),
        *({"a": a, "b": b.int()}, {"a": a, "b": b + 1}, {"a": -a, "b": b}),  # -0.0 among them
    ]
    assert len({fingerprint(each) for each in different}) == len(different)
    picture = torch.rand(1, 4, 3, 3)
    channels_last = picture.to(memory_format=torch.channels_last)
    assert fingerprint({"b": channels_last}) == fingerprint({"b": picture})


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.index_fill(0, torch.tensor(1), torch.nan), "holds NaN or infinity in NAME"),
        (lambda t: t.index_fill(0, torch.tensor(1), -torch.inf), "holds NaN or infinity in NAME"),
        (lambda t: t.double(), "holds NAME, which is torch.float64; expected torch.float32"),
        (lambda t: t[1:], "another network: 1 entries are .*of another shape, such as NAME"),
    ],
)
def test_weights_that_are_not_the_network_s(change, message):
    network = networks.build("tiny")
    name = next(name for name, _ in network.named_parameters() if name.endswith("bias"))
    tensors = {k: v.clone() for k, v in network.state_dict().items()}
    wrong = tensors | {name: change(tensors[name])}
    with pytest.raises(ValueError, match=rf"w\.safetensors .*{message.replace('NAME', name)}"):
        fill(network, wrong, Path("w.safetensors"))
    assert all(torch.equal(v, tensors[k]) for k, v in network.state_dict().items())
    with pytest.raises(ValueError, match=r"another network: .* as "):
        fill(torch.nn.Linear(1, 1), tensors, Path("w.safetensors"))
    fill(networks.build("tiny"), tensors, Path("w.safetensors"))
