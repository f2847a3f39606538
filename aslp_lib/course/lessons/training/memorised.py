"""A training image whose label is unlikely, and what recorded networks made of it."""

import numpy as np

from aslp_lib.course.recorded import SETTINGS, epochs, perturbations, read_arrays


def one_label(after: tuple[int, ...] = (20, 80)) -> dict[str, np.ndarray]:
    """Return the image, its label, its posterior, and predictions of BCE and of ASLP (MC).

    The networks are those of the course's runs on 160 synthetic images.

    Args:
        after: epochs of the predictions, which must be in `epochs.EPOCHS`.

    Returns:
        Title -> map of values from 0 to 1.
    """
    image = epochs.PICKS["train"][1]
    known = perturbations.known(SETTINGS.load_data().train, [image])
    maps = read_arrays(epochs.FILE)["maps"] / (epochs.GREYS - 1)
    names = {"images": "image", "labels": "label", "posterior": "posterior $\\pi$"}
    pictures = {title: known[name][0] for name, title in names.items()}
    for method, name in (("bce", "BCE"), ("aslp_mc", "ASLP (MC)")):
        for epoch in after:
            place = epochs.METHODS.index(method), epochs.EPOCHS.index(epoch), 0, 1
            pictures[f"{name},\nepoch {epoch}"] = maps[place]
    return pictures
