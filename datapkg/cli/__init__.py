"""The command line: parse, call one function, print. Libraries load when a command needs them."""

from . import asking as asking
from . import comparing as comparing
from . import copying as copying
from . import giving as giving
from . import keeping as keeping
from .app import app, main

__all__ = ["app", "main"]
