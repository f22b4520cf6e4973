"""The graph of a script or network as a page: ``gpugraph view`` as a script.

python tools/view_graph.py examples/lenet_mnist.py -o lenet.html --open
"""

from __future__ import annotations

import sys

from gpugraph.cli import main

if __name__ == "__main__":
    sys.exit(main(["view", *sys.argv[1:]]))
