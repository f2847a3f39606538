"""Binary cross entropy: what everything else is compared with."""

from __future__ import annotations

from aslp_lib.methods.base import Method, NoOptions


class BCE(Method[NoOptions]):
    """`-(y log f + (1 - y) log(1 - f))`."""

    name, label = "bce", "BCE"
