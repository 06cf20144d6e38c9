"""The page of Lipstream as a Hugging Face Space: what `lipstream app` serves, for everybody who opens it."""

import os

from lipstream.cli import main

# A Space says by Gradio's variables where it listens.
HOST = os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0")
PORT = os.environ.get("GRADIO_SERVER_PORT", "7860")

if __name__ == "__main__":
    raise SystemExit(main(["app", "--host", HOST, "--port", PORT]))
