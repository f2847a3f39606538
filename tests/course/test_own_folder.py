"""Your own data: the laboratory's folder, and the lesson with a folder of the reader's own."""

import re

import numpy as np
import pytest
import torch
from notebook_files import ROOT, cells
from PIL import Image

from aslp_lib.course import recorded
from aslp_lib.course.lessons import own_data as lesson
from aslp_lib.course.lessons.own_data import held_out
from aslp_lib.course.lessons.own_data.folder import laboratory
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature

NETWORK = recorded.load("bce", "nuclei")
DATA = recorded.settings_of("nuclei").load_data()
BLANK = np.zeros((24, 24))


def field(stem):
    return stem.split("_")[0]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


@pytest.fixture
def own(tmp_path):
    """A folder of a reader: noisy discs, corners without a label, and a map of each test image."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:24, :24]
    for part, number in {"Train": 6, "Test": 24}.items():
        for k in range(number):
            centre = rng.uniform(8, 16, 2)
            disc = np.hypot(y - centre[0], x - centre[1]) < 5
            mask = np.where(np.hypot(y - 12, x - 12) > 16, 128, 255 * disc)
            blurred = np.clip(120 * disc + rng.normal(60, 50, disc.shape), 0, 255)
            save(tmp_path / f"own/{part}/lab/Image/{part}{k:02}.png", blurred)
            save(tmp_path / f"own/{part}/lab/GT/{part}{k:02}.png", mask)
            if part == "Test":
                save(tmp_path / f"maps/{part}{k:02}.png", blurred)
    return tmp_path


def write_lists(own, train, validation):
    for name, stems in (("Train", train), ("Validation", validation)):
        (own / f"own/{name}.txt").write_text("\n".join(stems))


def count(own, unit=str):
    return lesson.count(own / "own", own / "maps", unit, 128)


def test_the_laboratory_s_folder_holds_the_crops_and_the_maps_of_its_network():
    root, maps = laboratory()
    assert "no problems" in lesson.check_data(root)
    counts, choosing = lesson.count(root, maps, field)
    assert (choosing.sum(), counts.independent, len(counts)) == (71, 16, 191)
    assert counts[choosing].independent == len(np.unique(DATA.validation.groups)) == 6
    for chosen, crops in ((choosing, DATA.validation), (~choosing, DATA.tests["test"])):
        part, theirs = counts[chosen], recorded.count(NETWORK, crops)
        assert part.pixels == theirs.pixels
        mine = [part[[k]].pooled[1].sum() for k in range(len(part))]
        assert sorted(mine) == sorted(theirs.table[:, 1].sum(axis=1))
        levels = np.abs(np.cumsum(part.pooled - theirs.pooled, axis=1))
        assert levels.max() < 1e-3 * part.pixels


@pytest.mark.fault
def test_pixels_without_a_label_must_be_named(own):
    assert "problem" in lesson.check_data(own / "own")
    assert "no problems" in lesson.check_data(own / "own", 128)


def test_shares_at_a_threshold_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    maps, masks = (rng.integers(0, end, (5, 6, 6), np.uint8) for end in (256, 2))
    masks[2] = 0
    counts = Counts.from_maps(maps, masks).with_columns(groups=[0, 0, 1, 1, 1])
    missed = (maps < 51) & (masks == 1)
    share = [miss.sum() / max(y.sum(), 1) for miss, y in zip(missed, masks, strict=True)]
    mean_share = (np.mean(share[:2]) + np.mean(share[2:])) / 2
    assert lesson.at(counts, 0.2) == pytest.approx((mean_share, (maps >= 51).mean()))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_pictures_of_missed_foreground_are_those_of_a_loop(own, temperature):
    stems = [f"Test{k:02}" for k in range(20)]
    shares = []
    for stem in stems:
        f = np.clip(np.asarray(Image.open(own / f"maps/{stem}.png")) / 255, 1e-9, 1 - 1e-9)
        disc = np.asarray(Image.open(own / f"own/Test/lab/GT/{stem}.png")) == 255
        shares.append((1 / (1 + (1 / f - 1) ** (1 / temperature)) < 0.6)[disc].mean())
    fit = Temperature(temperature)
    images = fit.apply_counts(count(own)[0][:20])
    counted = lesson.missed_at(images, 0.6)
    np.testing.assert_allclose(counted, shares, atol=0.03)  # of rounded probabilities
    figure = lesson.missed_foreground(own / "own", own / "maps", fit, images, 0.6, 128)
    some = np.array(shares)[np.argsort(counted)[[4, 9, 18]]]
    wanted = [f"{100 * share:.0f} % missed" for share in some]
    assert [axis.get_title() for axis in figure.axes[:3]] == wanted and len(set(wanted)) > 1
    picture = figure.axes[5].images[0].get_array()
    pink = (picture.max(axis=2) != picture.min(axis=2)).sum()
    assert pink / (pink + (picture.min(axis=2) == 1).sum()) == pytest.approx(some[2])


def test_half_of_the_units_choose_unless_a_list_names_them(own):
    counts, choosing = count(own, lambda stem: stem[:5])
    assert counts.pixels < 24 * 24 * 24
    assert (counts[choosing].independent, counts[~choosing].independent) == (1, 2)
    write_lists(own, ["Train00"], ["Train01"])
    save(own / "maps/Train01.png", BLANK)
    counts, choosing = count(own)
    assert [counts.names[k] for k in np.flatnonzero(choosing)] == ["Train01"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("another", "unit", "message"),
    [
        ("maps/other.png", str, "without a mask"),
        ("own/Test/b/GT/Test00.png", str, "several masks"),
        ("maps/Train00.png", str, "that trained a network"),
        ("maps/Train01.png", lambda stem: "all", "number of units is 1; expected two or more"),
    ],
)
def test_maps_that_cannot_be_used_are_named(own, another, unit, message):
    write_lists(own, ["Train00"], ["Train01"])
    save(own / another, BLANK)
    with pytest.raises(ValueError, match=message):
        count(own, unit)


@pytest.mark.parametrize("validation", [(), ("Train01", "Train04")])
def test_without_maps_a_network_is_trained_and_sees_no_unit_of_another_image(
    own, monkeypatch, validation
):
    """Only lists can hold out whole units, so that without them only test images have maps."""
    monkeypatch.setattr(held_out, "STEPS", 1)
    if validation:
        write_lists(own, ["Train00", "Train02"], validation)
    maps = lesson.maps(own / "own", None, 128)
    counts, _ = lesson.count(own / "own", maps, str, 128)
    assert sum(name.startswith("Test") for name in counts.names) == 24
    assert tuple(name for name in counts.names if name.startswith("Train")) == validation
    assert counts.levels is not None


def lines_of_the_reader(own, maps):
    """The cells of the lesson that read the reader's folder, with its settings."""
    notebook = ROOT / "notebooks" / "10_your_own_data.ipynb"
    sources = [cell.source for cell in cells(notebook, "code")]
    words = "import numpy|PATH = None|lesson.folder|of_network|at\\(test"
    wanted = re.compile(f"{words}|def promise|units in both")
    chosen = [s for s in sources if wanted.search(s) and "assert" not in s]
    text = "\n".join(chosen).replace("PATH = None", f"PATH = {str(own / 'own')!r}")
    text = text.replace("IGNORE = None", "IGNORE = 128").replace('.split("_")[0]', "")
    text = text.replace("fields[choosing]", "validation")
    library = "from aslp_lib.metrics.risk_control import risk_control_threshold\n"
    return library + text.replace("MAPS = None", f"MAPS = {maps and str(maps)!r}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no temperature:RuntimeWarning")  # two steps teach nothing
@pytest.mark.parametrize("with_maps", [True, False])
def test_the_lesson_reads_a_folder_of_the_reader(own, monkeypatch, capsys, with_maps):
    monkeypatch.setattr(held_out, "STEPS", 2)
    torch.manual_seed(0)
    exec(lines_of_the_reader(own, own / "maps" if with_maps else None), {})
    text = capsys.readouterr().out
    assert "no problems in own" in text and "5 %: " in text
    assert "the reserve takes 19" in text and "units in both: none" in text
    assert "20 %: check where f >=" in text and "missed" in text
