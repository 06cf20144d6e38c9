"""Types of NumPy arrays that every room uses. Shapes stand in the docstrings of what takes and gives them."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bool: TypeAlias = npt.NDArray[np.bool_]
Float32: TypeAlias = npt.NDArray[np.float32]
Int16: TypeAlias = npt.NDArray[np.int16]
UInt8: TypeAlias = npt.NDArray[np.uint8]

#: Samples of one channel, float32 ``[n]``, full scale [-1, 1]: what an Enhancer takes and gives.
AudioArray: TypeAlias = Float32
