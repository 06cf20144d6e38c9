"""The page of Lipstream as a Hugging Face Space: what `lipstream app` serves, for everybody who opens it."""

from lipstream.cli import main

raise SystemExit(main(["app", "--host", "0.0.0.0", "--port", "7860"]))
