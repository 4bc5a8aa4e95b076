"""The kernels and their contenders, a module for each group. Peers are imported when they are measured."""

import kernels.bytes
import kernels.html
import kernels.json
import kernels.map
import kernels.text  # noqa: F401 - each adds what it has to KERNELS
from kernels.common import KERNELS

__all__ = ["KERNELS"]
