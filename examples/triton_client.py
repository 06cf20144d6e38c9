"""Clean a file hop by hop on an NVIDIA Triton Inference Server, which keeps the state of each stream.

    lipstream export lite --triton models
    tritonserver --model-repository models
    python examples/triton_client.py demo/example.flac clean.wav localhost:8001

The file must be at 16 kHz. Needs tritonclient[grpc].
"""

import secrets
import sys

import numpy as np
import soundfile
import tritonclient.grpc as triton

HOP = 200  # samples at 16 kHz; what comes back lags by as many


def tensor(name: str, values: np.ndarray) -> triton.InferInput:
    given = triton.InferInput(name, values.shape, "FP32")
    given.set_data_from_numpy(values)
    return given


def main() -> None:
    source, target, address = sys.argv[1:4]
    samples, rate = soundfile.read(source, dtype="float32")
    if rate != 16_000 or samples.ndim != 1:
        sys.exit(f"{source} must have one channel at 16 kHz: resample it first")
    server = triton.InferenceServerClient(address)
    hops = np.pad(samples, (0, HOP + -len(samples) % HOP)).reshape(-1, 1, HOP)
    stream = 1 + secrets.randbelow(2**62)  # the correlation id: one for each stream, never 0
    dry = tensor("dry", np.zeros((1, 1), np.float32))
    clean = []
    for number, hop in enumerate(hops):
        result = server.infer(
            "lipstream_lite",
            [tensor("hop", hop), dry],
            sequence_id=stream,
            sequence_start=number == 0,
            sequence_end=number == len(hops) - 1,
        )
        clean.append(result.as_numpy("out")[0])
    soundfile.write(target, np.concatenate(clean)[HOP : HOP + len(samples)], rate)
    print(f"{target}: {len(hops)} hops of stream {stream}")


if __name__ == "__main__":
    main()
