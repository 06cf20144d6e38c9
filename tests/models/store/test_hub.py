"""Models of the Hub, from a server on this machine that plays its few endpoints."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

import lipstream
from lipstream.errors import InputError
from lipstream.models.store import hub
from lipstream.models.store.registry import find_model
from tests.model_folders import lite_folder

constants = pytest.importorskip("huggingface_hub.constants")

SHA, OLD_SHA = "0123456789abcdef0123456789abcdef01234567", "f" * 40
REVISIONS = {"main": SHA, "v1.0": OLD_SHA, "refs/pr/2": OLD_SHA, SHA: SHA, OLD_SHA: OLD_SHA}


class Hub(BaseHTTPRequestHandler):
    """The endpoints that a download asks: the revision, the list of files, and the files."""

    folder: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        self.asked.append(path)
        revision = re.sub(r"^/api/models/org/name(/(revision|tree)/)?", "", path) or "main"
        if path.startswith("/api/models/org/name") and revision not in REVISIONS:
            self._refuse("RevisionNotFound")
        elif path.startswith("/api/models/org/name"):
            listed = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _etag(file)}
                for file in sorted(self.folder.iterdir())
            ]
            info = {
                "id": "org/name",
                "sha": REVISIONS[revision],
                "siblings": [{"rfilename": each["path"]} for each in listed],
            }
            self._send(json.dumps(listed if "/tree/" in path else info).encode(), {}, body)
        elif match := re.match(f"/org/name/resolve/({SHA}|{OLD_SHA})/", path):
            file = self.folder / path.rpartition("/")[2]
            self._send(file.read_bytes(), {"X-Repo-Commit": match[1], "ETag": f'"{_etag(file)}"'}, body)
        else:
            self._refuse("RepoNotFound")

    def _refuse(self, reason: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A Hub with the model ``org/name``, and an empty cache."""
    Hub.folder, Hub.asked = lite_folder(tmp_path / "served"), []
    (Hub.folder / "training.log").write_text("of no use to a listener")
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as served:
        here = f"http://127.0.0.1:{served.server_port}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, here)
        monkeypatch.setattr(constants, "ENDPOINT", here)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.chdir(tmp_path)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


def test_a_model_is_fetched_once_and_then_needs_no_network(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    code = (
        "import lipstream, numpy as np\n"
        "enhancer = lipstream.from_pretrained('org/name')\n"
        "noise = 0.1 * np.random.default_rng(0).standard_normal(1600).astype(np.float32)\n"
        "assert (enhancer.process(noise) == lipstream.Enhancer('lite').process(noise)).all()"
    )
    # The package reads these when it is imported.
    places = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "home")}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=os.environ | places, check=True, cwd=tmp_path)
        places["HF_ENDPOINT"] = "http://127.0.0.1:9"
    files = [path for path in Hub.asked if "/resolve/" in path]
    assert any(path.endswith("model-gate.onnx") for path in files)
    assert not any(path.endswith(".log") for path in files)


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/2", OLD_SHA])
def test_a_revision_is_fetched_and_then_needs_no_network(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    newest = find_model("org/name").weights.parent
    pinned = find_model(hub.pinned("org/name", revision)).weights.parent
    assert (newest.name, pinned.name) == (SHA, OLD_SHA)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert hub.fetch(f"org/name@{revision}") == pinned
    assert hub.fetch("org/name") == newest


def test_a_revision_that_the_model_has_not_is_told(server: ThreadingHTTPServer) -> None:
    with pytest.raises(InputError, match="the model 'org/name' of the Hub has no revision 'v9': name one of"):
        lipstream.from_pretrained("org/name", revision="v9")


@pytest.mark.parametrize(
    ("model", "revision", "fix"),
    [
        ("lite", "v1", "goes with an id of the Hub .* 'lite' is none: leave the revision out"),
        ("org/name@v1", "v1", "is one with a revision: give one of the two"),
        ("org/name", "not one", "'not one' is no revision: name a branch, a tag or a commit"),
        ("org/name", "", "'' is no revision"),
    ],
)
def test_a_revision_goes_with_an_id_alone(model: str, revision: str, fix: str) -> None:
    with pytest.raises(InputError, match=fix):
        lipstream.from_pretrained(model, revision=revision)


def test_a_model_that_the_hub_does_not_show_is_told(server: ThreadingHTTPServer) -> None:
    with pytest.raises(InputError, match="no model 'org/none': there is no such folder here, and"):
        find_model("org/none")


def test_without_a_network_the_fix_is_told(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot be fetched from the Hub .*: go online, or copy") as error:
        hub.fetch("org/name")
    assert "\n" not in str(error.value)
    assert Hub.asked == []


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"needs the extra 'hub': pip install"):
        hub.fetch("org/name")
