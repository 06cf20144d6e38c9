"""Compare with a streaming enhancer that is an ONNX graph: five lines of TOML describe it.

    pip install ".[train]"        # for the package onnx, which writes the graph of this example
    python examples/add_peer.py out/

The graph here mixes each hop with the one before. Describe your own in the same way: lipstream finds its
delay, carries its states and runs it at its own rate.
"""

import subprocess
import sys
from pathlib import Path

import onnx
import soundfile
from onnx import TensorProto, helper

HOP = 160
LIPSTREAM = Path(sys.executable).with_name("lipstream")
DEMO = Path(__file__).resolve().parent.parent / "demo"
DESCRIPTION = f"""
name = "smoother"
graph = "smoother.onnx"
sample_rate = 16000
hop = {HOP}
input = "hop"
output = "smooth"

[states]
last_hop = "this_hop"
"""


def write_graph(path: Path) -> None:
    """A graph that takes and gives hops, and carries a state from call to call."""

    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, HOP])

    nodes = [helper.make_node("Mean", ["hop", "last_hop"], ["smooth"])]
    nodes += [helper.make_node("Identity", ["hop"], ["this_hop"])]
    inputs, outputs = [value("hop"), value("last_hop")], [value("smooth"), value("this_hop")]
    graph = helper.make_graph(nodes, "smoother", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "test/audio").mkdir(parents=True, exist_ok=True)  # a test set of one recording
    (folder / "test/audio.csv").write_text("id,condition,snr_db\nexample,noise,0\n")
    for source, name in (("example.flac", "noisy"), ("example.clean.flac", "clean")):
        soundfile.write(folder / f"test/audio/example.{name}.flac", *soundfile.read(DEMO / source))
    write_graph(folder / "smoother.onnx")
    (folder / "smoother.toml").write_text(DESCRIPTION)
    command: list[str | Path] = [LIPSTREAM, "bench", "peers", "--data", folder, "--model", "--peers"]
    subprocess.run(
        [*command, "--onnx", folder / "smoother.toml", "--json", folder / "peers.json"], check=True
    )


if __name__ == "__main__":
    main()
