"""The explorers of the course by name."""

from pydoc import locate

from aslp_lib.course.live import FOLDER

NAMES = sorted(f"{path.parent.name}.{path.stem}" for path in FOLDER.parent.glob("lessons/*/*.js"))


def explorer_of(name: str) -> type:
    """Return the class of an explorer, the only one that its module defines."""
    module = locate(f"aslp_lib.course.lessons.{name}")
    kinds = (one for one in vars(module).values() if isinstance(one, type))
    return next(kind for kind in kinds if kind.__module__ == module.__name__)
