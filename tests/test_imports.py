"""What importing the package costs: nothing, until a name is used; and enhancing needs no torch even then."""

import pydoc
import subprocess
import sys

import pytest

import lipstream


def loaded_after(code: str, suspects: set[str]) -> set[str]:
    """Which of the suspects a fresh interpreter has loaded after running the code."""
    script = f"import sys\n{code}\nprint(*({suspects!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"torch", "cv2", "mediapipe", "onnxruntime", "numpy", "soundfile", "rich"}
    assert loaded_after("import lipstream", heavy) == set()


def test_the_public_names_load_neither_torch_nor_video() -> None:
    code = "from lipstream import Enhancer, enhance, enhance_file, stream, InputError\n"
    code += "import numpy; list(stream([numpy.zeros(9, 'float32')]))"
    assert loaded_after(code, {"torch", "cv2", "mediapipe"}) == set()


def test_the_public_names_are_listed_and_others_are_no_attributes() -> None:
    assert dir(lipstream) == sorted(lipstream.__all__)
    assert {"Enhancer", "InputError", "enhance", "stream", "__version__"} <= set(dir(lipstream))
    assert lipstream.Enhancer.__module__ == "lipstream.stream.enhancer"
    with pytest.raises(AttributeError, match="no attribute 'Enhance'"):
        _ = lipstream.Enhance


@pytest.mark.parametrize("first", ["", "import lipstream.stream.files"])
def test_the_room_stream_is_a_function_whatever_was_imported_first(first: str) -> None:
    code = f"import lipstream\n{first}\nassert list(lipstream.stream([])) == []\nimport lipstream.stream.dsp"
    assert loaded_after(code, {"torch"}) == set()


def test_help_names_types_shortly() -> None:
    for function in (lipstream.Enhancer.process, lipstream.EnhancerPool.flush, lipstream.enhance):
        assert "numpy" not in pydoc.render_doc(function).split("\n")[2]


def test_bad_input_is_a_value_error() -> None:
    assert issubclass(lipstream.InputError, ValueError)
