"""Names of files, and sizes that must match."""

from pathlib import Path

import pytest

from aslp_lib.maps.listing import refuse_unprintable
from aslp_lib.maps.read import refuse_other_size


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("a b", False),
        ("\u00e9t\u00e9", False),
        ("a\u00a0b", False),
        ("a\nb", True),
        ("a\u202eb", True),
    ],
)
def test_names_may_have_spaces_but_no_characters_that_control_a_terminal(name, refused):
    """A no-break space is not printable for Python, but harmless."""
    if not refused:
        refuse_unprintable("folders", [name])
        return
    with pytest.raises(ValueError, match="folders"):
        refuse_unprintable("folders", [name])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("mask", "advice"), [((8, 6), "Rotate one"), ((8, 5), "Resize one"), ((6,), "Resize one")]
)
def test_an_image_of_another_size_than_its_mask_gets_advice(mask, advice):
    with pytest.raises(ValueError, match=rf"a\.png is 8 x 6, .* {advice}"):
        refuse_other_size(Path("a.png"), (6, 8), mask)
