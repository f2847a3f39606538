"""A training image whose label is unlikely, and what recorded networks made of it."""

import numpy as np

from aslp_lib.course.recorded import SETTINGS, epochs, perturbations, read_arrays


def one_label(after: tuple[int, ...] = (20, 80)) -> dict[str, np.ndarray]:
    """Return the image, its label, and the predictions of BCE and of ASLP (MC) after some epochs.

    The networks are those of the course's runs on 160 synthetic images.

    Args:
        after: the epochs, which must be in `epochs.EPOCHS`.

    Returns:
        Title -> map of values from 0 to 1.
    """
    image = epochs.PICKS["train"][1]
    known = perturbations.known(SETTINGS.load_data().train, [image])
    maps = read_arrays(epochs.FILE)["maps"] / (epochs.GREYS - 1)
    pictures = {"image": known["images"][0], "label": known["labels"][0]}
    for method, name in (("bce", "BCE"), ("aslp_mc", "ASLP (MC)")):
        for epoch in after:
            place = epochs.METHODS.index(method), epochs.EPOCHS.index(epoch), 0, 1
            pictures[f"{name},\nepoch {epoch}"] = maps[place]
    return pictures
