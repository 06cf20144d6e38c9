"""Hooks of the documentation site: pages from files outside docs/, and links to such files."""

import ast
import re
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path
from posixpath import normpath
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent

#: Files of the repository that are pages of the site.
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


@event_priority(100)  # mkdocstrings looks for the folder in its own, and does without it if there is none yet
def on_config(config: Any) -> Any:
    """Show the modules to the API reference as `lipstream`, in a copy: their root holds much else besides."""
    copy = ROOT / "build" / "docs-package" / "lipstream"
    shutil.rmtree(copy, ignore_errors=True)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package in settings["packages"]:
        folder = Path(*package.split(".")[1:])
        (copy / folder).mkdir(parents=True, exist_ok=True)
        for module in (ROOT / folder).glob("*.py"):
            shutil.copyfile(module, copy / folder / module.name)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages whose text stands elsewhere in the repository."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](").replace('"docs/', '"')
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "examples.md", content=examples_page(ROOT / "examples")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Send links that leave docs/ to the page of that file, else to the repository, else make them text."""
    sources = {file.src_uri for file in files}

    def rewritten(match: re.Match[str]) -> str:
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        if target in sources:
            return match[0]
        name = normpath(target if page.file.generated_by else f"docs/{target}")
        if name in PAGES:
            return f"[{text}]({PAGES[name]}{anchor})"
        if name == "examples":
            return f"[{text}](examples.md)"
        if not (ROOT / name).exists():
            return match[0]  # a broken link, which the build complains about
        return (
            f"[{text}]({config.repo_url.rstrip('/')}/blob/HEAD/{name}{anchor})" if config.repo_url else text
        )

    return _LINK.sub(rewritten, markdown)


def examples_page(folder: Path) -> str:
    """One section for each script: what its docstring says, and the script."""
    parts = ["# Examples", "Scripts of one idea each, in the folder `examples/`. The tests run them all."]
    for path in _in_order(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(source)) or ""
        code = source.split('"""', 2)[2].strip()
        parts += [f"## {path.stem.replace('_', ' ').capitalize()}", docstring, f"```python\n{code}\n```"]
    return "\n\n".join(parts) + "\n"


def _in_order(paths: Iterable[Path]) -> list[Path]:
    """Those that need no extra first, by what they import and install; then by name."""
    return sorted(paths, key=lambda path: ("pip install" in path.read_text(encoding="utf-8"), path.name))
