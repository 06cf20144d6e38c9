"""What stands in for a Triton server, where none can be installed: its protocol, and its sequence batcher.

It reads ``config.pbtxt`` by the server's schema and runs the graph on ONNX Runtime, with the state kept by
correlation id as the configuration says. It shows that client, configuration and graph fit each other, not
that the real server runs them.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


@contextmanager
def stand_in(repository: Path) -> Iterator[str]:
    """The address of a server of this repository's models."""
    import grpc
    from tritonclient.grpc import service_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(1))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_service(repository), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _service(repository: Path) -> Any:
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

    class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
        def __init__(self) -> None:
            self.states: dict[tuple[str, int], Any] = {}
            self.configs, self.sessions = {}, {}
            for folder in repository.iterdir():
                text = (folder / "config.pbtxt").read_text()
                self.configs[folder.name] = text_format.Parse(text, model_config_pb2.ModelConfig())
                self.sessions[folder.name] = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))

        def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
            config, session = self.configs[request.model_name], self.sessions[request.model_name]
            (state,) = config.sequence_batching.state
            stream = (request.model_name, request.parameters["sequence_id"].int64_param)
            if request.parameters["sequence_start"].bool_param:
                batch = [1] if config.max_batch_size else []
                self.states[stream] = np.zeros([*batch, *state.initial_state[0].dims], np.float32)
            inputs = {
                item.name: np.frombuffer(raw, np.float32).reshape(item.shape)
                for item, raw in zip(request.inputs, request.raw_input_contents, strict=True)
            }
            assert {item.name for item in config.input} == inputs.keys()
            names = [item.name for item in session.get_outputs()]
            values = session.run(None, inputs | {state.input_name: self.states[stream]})
            outputs = dict(zip(names, values, strict=True))
            self.states[stream] = outputs.pop(state.output_name)
            if request.parameters["sequence_end"].bool_param:
                del self.states[stream]
            response = service_pb2.ModelInferResponse(model_name=request.model_name)
            for name, value in outputs.items():
                response.outputs.add(name=name, datatype="FP32", shape=value.shape)
                response.raw_output_contents.append(value.tobytes())
            return response

    return Service()
