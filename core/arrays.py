"""Types of NumPy arrays that every room uses. Shapes stand in the docstrings of what takes and gives them."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bool: TypeAlias = npt.NDArray[np.bool_]
Float32: TypeAlias = npt.NDArray[np.float32]
UInt8: TypeAlias = npt.NDArray[np.uint8]
