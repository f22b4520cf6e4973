"""Independent judges of the ops: naive loops, SciPy, closed forms. Never the op's own code.

ORACLES    op class name -> function(op, *inputs) giving the expected output, or a tuple of them,
           from float64 inputs. It may read the op's fields (parameters), never call its methods.
GRADIENTS  op class name -> function(op, inputs, g) giving the expected gradients, one per input
           (None for an input without one), for samples that are not smooth; g is the cotangent of
           the first output.

An op without an oracle fails the tests.
"""

from importlib import import_module
from pathlib import Path

ORACLES: dict = {}
GRADIENTS: dict = {}
for _path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    _module = import_module(f"{__name__}.{_path.stem}")
    _gradients = getattr(_module, "GRADIENTS", {})
    for _mine, _theirs in ((ORACLES, _module.ORACLES), (GRADIENTS, _gradients)):
        assert not _mine.keys() & _theirs.keys(), f"two oracles for one op in {_path.stem}"
        _mine.update(_theirs)
