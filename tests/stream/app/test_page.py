"""The page in a real browser, with a microphone and a camera that play the example clip.

Needs Gradio (the extra ``app``), Playwright, and a Chromium of the system (Debian's package chromium).
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

DEMO = Path(__file__).resolve().parents[3] / "demo"
#: A loaded machine takes its time; nothing waits longer than it must.
PATIENCE_MS = 90_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 2 s of the example, which the microphone repeats."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    wave, rate = soundfile.read(DEMO / "example.flac", frames=32_000)
    soundfile.write(path, wave, rate)
    return path


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the example as motion JPEG, as Chromium's camera wants them."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    with av.open(str(DEMO / "example.mp4")) as source, av.open(str(path), "w", format="mjpeg") as target:
        shown = source.streams.video[0]
        stream = target.add_stream("mjpeg", rate=25, width=320, height=320, pix_fmt="yuvj420p")
        for count, frame in enumerate(source.decode(shown)):
            if count == 10:
                break
            target.mux(stream.encode(frame.reformat(320, 320, "yuvj420p")))
        target.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("gradio")
    from lipstream.stream.app.config import AppConfig
    from lipstream.stream.app.page import serve

    with serve(AppConfig(("lite",), port=0)) as served:
        yield served


@pytest.fixture(scope="module")
def page(address: str, clip: Path, camera: Path) -> Iterator[Any]:
    """The page, loaded; `page.asked` holds the addresses it asked for."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed: Debian's package chromium")
    flags = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={clip}",
        f"--use-file-for-fake-video-capture={camera}",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        opened = browser.new_page()
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.set_default_timeout(PATIENCE_MS)
        opened.goto(address)
        opened.wait_for_selector("#clean")
        yield opened
        browser.close()


def test_a_file_that_is_no_sound_is_told_in_words(page: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no sound")
    page.set_input_files("#given input[type=file]", str(tmp_path / "letter.txt"))
    page.wait_for_selector("#given >> text=letter")
    page.click("#clean")
    page.wait_for_selector("#status strong")
    told = page.inner_text("#status strong")
    assert told.startswith("letter.txt")
    assert str(tmp_path) not in told
    page.click("#given button[aria-label='Clear']")


def test_a_file_is_cleaned_played_and_cleaned_again_with_another_strength(page: Any, clip: Path) -> None:
    page.set_input_files("#given input[type=file]", str(clip))
    page.wait_for_selector("#given >> text=clip")
    page.click("#clean")
    page.wait_for_selector("#status >> text=2.0 s are clean")
    page.wait_for_selector("#seen-after img")
    page.wait_for_selector("#lips-seen img")
    page.click("#after button[aria-label='Play']")
    page.wait_for_function("document.querySelector('#after #time').innerText === '0:01'")
    before = page.inner_text("#status")
    page.click("#strength input[type=range]", position={"x": 2, "y": 5})  # to its left end
    page.wait_for_function("told => document.querySelector('#status').innerText !== told", arg=before)
    page.wait_for_selector("#status >> text=2.0 s are clean")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "clip.clean.wav"
    cleaned, rate = soundfile.read(download.value.path())
    assert (cleaned.shape, rate) == ((32_000,), 16_000)


def test_the_microphone_comes_back_clean_and_the_delay_is_shown(page: Any) -> None:
    page.click("button[role=tab]:has-text('Live')")
    page.click("#microphone button.record-button")
    page.wait_for_function("document.querySelector('#live-delay').dataset.chunks >= 3")
    assert int(page.evaluate("document.querySelector('#live-delay').dataset.level")) > 0
    assert re.search(r"Heard \d+ ms after", page.inner_text("#live-delay"))
    assert "ms of the model" in page.inner_text("#live-status")
    page.click("#microphone button.stop-button")


def test_nothing_is_asked_of_another_machine(page: Any, address: str) -> None:
    """No fonts, no scripts, no reports."""
    assert {url for url in page.asked if url.startswith("http")} == {
        url for url in page.asked if url.startswith(address)
    }


def test_nothing_stays_when_the_page_ends(clip: Path) -> None:
    pytest.importorskip("gradio")
    import os

    from lipstream.stream.app.config import AppConfig
    from lipstream.stream.app.page import serve

    with serve(AppConfig(("lite",), port=0)):
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        assert folder.is_dir()
    assert not folder.exists()
