"""A case or more of every public function, room by room: see tests/test_breadth.py.

CASES    (room, name of the function or "name, which case") -> Case
"""

from importlib import import_module
from pathlib import Path

CASES: dict = {}
for _path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    if _path.stem != "cases":
        _module = import_module(f"{__name__}.{_path.stem}")
        _mine = {(_module.ROOM.__name__, name): c for name, c in _module.CASES.items()}
        assert not CASES.keys() & _mine.keys(), CASES.keys() & _mine.keys()
        CASES.update(_mine)
