"""Model folders for tests, of the weights and graphs that ship; without torch."""

import shutil
from pathlib import Path

from lipstream.models.config import preset
from lipstream.models.store.folder import CARD, STREAMING, WEIGHTS, write_config
from lipstream.models.store.registry import graph_files, weights_file
from lipstream.models.tables import to_table


def lite_folder(folder: Path) -> Path:
    """The folder that ``lipstream export lite`` writes."""
    folder.mkdir(parents=True)
    files = [Path(shutil.copyfile(weights_file("lite"), folder / WEIGHTS))]
    for path in graph_files("lite"):
        files.append(Path(shutil.copyfile(path, folder / path.name.replace("lite", "model"))))
    (folder / CARD).write_text("# Lite\n")
    write_config(folder, STREAMING, to_table(preset("lite")), 25.0, files)
    return folder
