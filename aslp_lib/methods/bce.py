"""Binary cross entropy, the baseline of all comparisons."""

from aslp_lib.methods.method import Method, NoOptions


class BCE(Method[NoOptions]):
    """Binary cross entropy, `-(y log f + (1 - y) log(1 - f))`."""

    name, label = "bce", "BCE"
