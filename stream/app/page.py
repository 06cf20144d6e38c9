"""The page: a tab for files and one for microphone and camera. All that knows Gradio is here.

Whatever Gradio writes lies in one temporary folder, which goes when the server ends; what a visitor gave or
got is removed some time after.
"""

import base64
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Float32, UInt8
from ...errors import InputError
from ..lips_bound import notice
from .config import AppConfig
from .file_job import MAX_BYTES, MAX_S, Cleaned, clean_file, remove_outputs
from .live_talk import LiveMoment, Visitors
from .pictures import spectrogram, timeline

# Gradio would report each start to its makers. It reads this when it is imported, and the folder later.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

#: Seconds between two looks for files to remove, and their age from which they are.
SWEEP_S, KEPT_S = 60, 600
#: Seconds between two pictures. Of sound, Gradio's page sends 0.1 s at once, whatever is asked for.
PICTURE_S = 0.1
#: Seconds of sound that may be missing before the page says so.
BEHIND_S = 0.5
PLAYER = (Path(__file__).parent / "player.js").read_text()
_ABOUT_SPECTROGRAMS = "<small>Before and after: time to the right, frequency up to half the rate.</small>"
_ABOUT_TIMELINE = "<small>Lips: confidence in them (blue), over a face seen (green) or missing (red).</small>"


@contextmanager
def serve(config: AppConfig) -> Iterator[str]:
    """The page while it is entered; its address.

    Raises:
        InputError: the port is taken, or a model has no weights.
    """
    with tempfile.TemporaryDirectory(prefix="lipstream-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build_page(config.models, Path(folder))
        try:
            _, address, _ = page.launch(
                server_name=config.host,
                server_port=config.port or None,
                share=config.share,
                max_file_size=MAX_BYTES,
                prevent_thread_lock=True,
                quiet=True,
                head=f"<script>{PLAYER}</script>",
                # The default theme would fetch its fonts from elsewhere.
                theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            )
        except OSError as error:
            raise InputError(
                f"cannot listen on {config.host}:{config.port}: choose another --port"
            ) from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def build_page(models: Sequence[str], folder: Path) -> gr.Blocks:
    """The page, not yet served.

    Args:
        models: names of presets; the first is chosen.
        folder: for outputs.
    """
    with gr.Blocks(title="Lipstream", analytics_enabled=False, delete_cache=(SWEEP_S, KEPT_S)) as page:
        gr.Markdown("# Lipstream\nClean speech, on this machine. Nothing is kept.")
        with gr.Row():
            model = gr.Dropdown(list(models), value=models[0], label="Model", elem_id="model")
            strength = gr.Slider(0, 100, 100, step=1, label="Strength (%)", elem_id="strength")
            lips = gr.Checkbox(False, label="Use the lips", info=_about_lips(models), elem_id="lips")
        with gr.Tab("File"):
            _file_tab(folder, model, strength, lips)
        with gr.Tab("Live"):
            _live_tab(page, model, strength, lips)
    return page


def _about_lips(models: Sequence[str]) -> str:
    told = [f"{name}: {words}" for name in models if (words := notice(name)) is not None]
    return "; ".join(told) or "They may only take away what is not the speaker."


def _file_tab(folder: Path, model: Any, strength: Any, lips: Any) -> None:
    given = gr.File(
        file_count="multiple",
        type="filepath",
        label=f"A recording, a video, or both: to {MAX_BYTES >> 20} MB, {MAX_S / 60:g} minutes",
        elem_id="given",
    )
    start = gr.Button("Clean", variant="primary", elem_id="clean")
    status = gr.Markdown(elem_id="status")
    with gr.Row():
        before = gr.Audio(label="Before", interactive=False, elem_id="before", buttons=[])
        after = gr.Audio(label="After", interactive=False, elem_id="after", buttons=[])
    with gr.Row():
        seen_before = _picture("seen-before")
        seen_after = _picture("seen-after")
    gr.Markdown(_ABOUT_SPECTROGRAMS)
    lips_seen = _picture("lips-seen")
    gr.Markdown(_ABOUT_TIMELINE)
    download = gr.DownloadButton("Download", interactive=False, elem_id="download")
    shown = [status, before, after, seen_before, seen_after, lips_seen, download]
    run = partial(_clean, folder)
    start.click(run, [given, model, strength, lips], shown, concurrency_limit=2, api_visibility="private")
    strength.release(
        run, [given, model, strength, lips], shown, concurrency_limit=2, api_visibility="private"
    )


def _picture(name: str) -> gr.Image:
    return gr.Image(show_label=False, interactive=False, buttons=[], elem_id=name)


def _clean(
    folder: Path,
    given: list[str] | None,
    model: str,
    strength: float,
    lips: bool,
    progress: Any = gr.Progress(),  # noqa: B008 - Gradio looks for it here
) -> list[Any]:
    remove_outputs(folder, KEPT_S)
    if not given:
        return ["Drop a file first.", *[None] * 5, gr.DownloadButton(interactive=False)]
    try:
        cleaned = clean_file(
            [Path(path) for path in given], folder, model, strength, lips, _told_to(progress)
        )
    except InputError as error:
        return [
            f"**{_without_folders(str(error), given)}**",
            *[None] * 5,
            gr.DownloadButton(interactive=False),
        ]
    return [
        _summary(cleaned, lips),
        (cleaned.rate, _pcm(cleaned.before)),
        (cleaned.rate, _pcm(cleaned.after)),
        spectrogram(cleaned.before, cleaned.rate),
        spectrogram(cleaned.after, cleaned.rate),
        timeline(cleaned.moments, cleaned.report.duration_s),
        gr.DownloadButton("Download", value=str(cleaned.output), interactive=True),
    ]


def _told_to(progress: Any) -> Callable[[float, float], None]:
    def tell(done_s: float, total_s: float) -> None:
        progress((done_s, max(done_s, total_s)), desc="Cleaning", unit="s")

    return tell


def _without_folders(message: str, given: Sequence[str]) -> str:
    """A visitor knows files by their names alone."""
    for path in given:
        message = message.replace(str(Path(path).parent) + os.sep, "")
    return message


def _summary(cleaned: Cleaned, lips: bool) -> str:
    report = cleaned.report
    late_ms = report.latency.ms
    line = f"{report.duration_s:.1f} s are clean; as a stream they would be {late_ms:.1f} ms late."
    if lips and report.video_frames:
        line += (
            f" Face in {report.face_share:.0%} of {report.video_frames} pictures, mean confidence "
            f"{report.mean_alpha:.2f}."
        )
    elif lips:
        line += " There was no video to look at."
    return "\n\n".join([line, *(f"Note: {warning}." for warning in report.warnings)])


def _live_tab(page: gr.Blocks, model: Any, strength: Any, lips: Any) -> None:
    visitors = Visitors()
    gr.Markdown(
        "Record with headphones on: what comes back is heard at once. The camera is needed for lips only."
    )
    with gr.Row():
        microphone = gr.Audio(
            sources=["microphone"], streaming=True, type="numpy", label="Microphone", elem_id="microphone"
        )
        camera = gr.Image(
            sources=["webcam"], streaming=True, type="numpy", label="Camera", height=240, elem_id="camera"
        )
    status = gr.Markdown("Not recording.", elem_id="live-status")
    gr.HTML('<div id="live-delay"></div>')
    sound = gr.Textbox(visible="hidden", elem_id="live-sound")
    face = gr.Textbox(visible="hidden", elem_id="live-face")

    def hear(
        chunk: tuple[int, Any] | None, model: str, strength: float, lips: bool, request: gr.Request
    ) -> tuple[str, str]:
        if chunk is None or request.session_hash is None:
            return "", "Not recording."
        talk = visitors.talk(request.session_hash, model)
        try:
            moment = talk.hear(chunk[0], chunk[1], strength, lips)
        except InputError as error:
            return "", f"**{error}**"
        return _sound(moment), _live_summary(moment)

    def see(picture: UInt8 | None, model: str, lips: bool, request: gr.Request) -> str:
        if picture is None or not lips or request.session_hash is None:
            return ""
        try:
            return str(visitors.talk(request.session_hash, model).see(picture))
        except InputError as error:
            return str(error)

    hidden = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
    microphone.stream(hear, [microphone, model, strength, lips], [sound, status], **hidden)
    camera.stream(see, [camera, model, lips], [face], stream_every=PICTURE_S, **hidden)
    sound.change(None, [sound], None, js="(sound) => lipstreamPlay(sound)")

    def leave(request: gr.Request) -> None:
        if request.session_hash is not None:
            visitors.leave(request.session_hash)

    microphone.stop_recording(leave)
    page.unload(leave)


def _sound(moment: LiveMoment) -> str:
    """What the player takes: rate, delay in ms, and 16-bit samples in base64."""
    samples = base64.b64encode(_pcm(moment.wave).tobytes()).decode()
    return f"{moment.rate}:{moment.delay_ms:.1f}:{samples}"


def _live_summary(moment: LiveMoment) -> str:
    faces = {None: "no picture", True: "a face", False: "no face"}
    behind = f"**{moment.behind_s:.1f} s of sound are late or lost: this server is too busy.** "
    return (behind if moment.behind_s > BEHIND_S else "") + (
        f"{moment.delay_ms:.0f} ms late on the server: {moment.chunk_ms:.0f} ms of sound at once, "
        f"{moment.busy_ms:.0f} ms of work, {moment.latency_ms:.1f} ms of the model. "
        f"Confidence in the lips {moment.alpha:.2f}, {faces[moment.face]}."
    )


def _pcm(wave: Float32) -> Any:
    return (np.clip(wave, -1.0, 1.0) * 32767).astype("<i2")
