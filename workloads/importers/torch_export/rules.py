"""Which rule turns which ATen operator into steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workloads.importers.torch_export import arithmetic, moving, products
from workloads.importers.torch_export.site import Site
from workloads.importers.traced.trace import Step

RULES: Mapping[str, Callable[[Site], list[Step]]] = {**arithmetic.RULES, **moving.RULES, **products.RULES}
# Checks, which compute nothing
IGNORED = frozenset(
    ["_assert_tensor_metadata", "_assert_async", "_assert_scalar", "sym_constrain_range_for_size", "sym_constrain_range", "_set_grad_enabled"]
)  # fmt: skip
