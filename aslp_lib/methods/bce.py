"""Cross entropy, the baseline of all comparisons."""

from aslp_lib.methods.method import Method, MethodOptions


class BCE(Method[MethodOptions]):
    """Binary cross entropy, `-(y log f + (1 - y) log(1 - f))`.

    For K classes, it is the cross entropy of the softmax, `-log f_y`.
    """

    name, label = "bce", "BCE"
    multiclass = True
