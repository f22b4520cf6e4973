"""The engine: devices, graph, op, dispatch, tensor, differentiation. Knows no op by name."""
