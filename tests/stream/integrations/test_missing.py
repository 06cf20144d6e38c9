"""An adapter whose package is not installed."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "line"), [("pipecat", "pip install 'pipecat-ai>="), ("livekit", "pip install 'livekit>=")]
)
def test_the_error_names_the_way_to_get_it(package: str, line: str) -> None:
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from lipstream import InputError\n"
        f"try: import lipstream.stream.integrations.{package}\n"
        "except InputError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert line in result.stdout
