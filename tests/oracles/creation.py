"""No oracles: gpugraph/ops/creation.py has functions and no ops. See tests/test_creation.py."""

ORACLES: dict = {}
GRADIENTS: dict = {}
