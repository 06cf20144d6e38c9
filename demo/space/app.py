"""The page of Lipstream as a Hugging Face Space: what `lipstream app` serves, for everybody who opens it.

Options of that command may follow, and count.
"""

import sys

from lipstream.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["app", "--host", "0.0.0.0", "--port", "7860", *sys.argv[1:]]))
