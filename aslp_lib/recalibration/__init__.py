"""Post-hoc recalibration: methods that change a network's logits after training.

Most have parameters, which are fitted on the validation set. Each method is a subclass of
`Recalibration` and is registered here by name.
"""

from aslp_lib.recalibration.binning import Histogram, Isotonic
from aslp_lib.recalibration.classes import ClassRecalibration
from aslp_lib.recalibration.flip import Flip
from aslp_lib.recalibration.image_wise import ImageWiseShrinkage, ImageWiseTemperature
from aslp_lib.recalibration.logistic import Logistic
from aslp_lib.recalibration.one_against_rest import ClassHistogram, ClassIsotonic
from aslp_lib.recalibration.recalibrated import Recalibrated as Recalibrated
from aslp_lib.recalibration.recalibration import Recalibration
from aslp_lib.recalibration.temperature import (
    ClassWiseTemperature,
    CorruptionTemperature,
    Temperature,
)
from aslp_lib.recalibration.unperturb import Unperturb, UnperturbTemperature
from aslp_lib.recalibration.vector import VectorScaling

REGISTERED: tuple[type[Recalibration], ...] = (
    Temperature,
    Unperturb,
    UnperturbTemperature,
    CorruptionTemperature,
    ClassWiseTemperature,
    Logistic,
    Isotonic,
    Histogram,
    ImageWiseShrinkage,
    ImageWiseTemperature,
    Flip,
)
"""All recalibration methods for two classes."""
RECALIBRATIONS = {kind.name: kind for kind in REGISTERED}
"""All recalibration methods for two classes by name."""
CLASS_RECALIBRATIONS: dict[str, type[ClassRecalibration]] = {
    kind.name: kind
    for kind in (Temperature, VectorScaling, Unperturb, ClassIsotonic, ClassHistogram)
}
"""All recalibration methods for K classes by name."""
