"""``python -m tools.gpu_check``, or ``python tools/gpu_check`` from anywhere."""

import signal
import sys
from pathlib import Path

if not __package__:  # a folder that is run knows nothing of the packages around it
    sys.path[0] = str(Path(__file__).parent.parent.parent)

from tools.gpu_check.session import main

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no child outlives this
sys.exit(main())
