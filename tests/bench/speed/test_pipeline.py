"""Delays of a live stream found by chirps and video frames, on a runtime whose delay is known."""

from typing import Any

import numpy as np
import pytest

from lipstream.bench.speed import pipeline
from lipstream.bench.speed.pipeline import PipelineReport, measure_pipeline
from lipstream.core.arrays import Float32

CAMERA_MS = 1e3 * pipeline.CAMERA_S


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Measures a runtime with two chirps, early ones."""

    def run(runtime: Any) -> PipelineReport:
        monkeypatch.setattr(pipeline, "load_runtime", lambda model, name: runtime)
        monkeypatch.setattr(pipeline, "FIRST_CHIRP_S", 6.0)
        return measure_pipeline("lite", "onnx", chirps=2)

    return run


def test_chirps_are_heard_when_the_budget_says_and_video_frames_count_at_the_next_hop(
    pass_through: Any, measure: Any
):
    report = measure(pass_through)
    assert [setting.name for setting in report.settings] == ["default", "low_latency"]
    for setting in report.settings:
        assert np.mean(setting.heard_ms) == pytest.approx(setting.declared.total_ms, abs=2)
        assert setting.enhancer_ms == pytest.approx(setting.declared.enhancer_ms, abs=0.1)
        assert setting.varispeed_ms == pytest.approx(setting.declared.varispeed_ms, abs=0.1)
        assert setting.underruns == 0
        # A video frame waits for its hop: at most that hop, and a block of the device with its lateness.
        assert CAMERA_MS < setting.camera.to_alpha_ms <= setting.camera.most_to_alpha_ms < CAMERA_MS + 30
        assert 0 < setting.camera.first_age_ms < setting.camera.mean_age_ms
    default, low = report.settings
    saved_ms = default.declared.added_ms - low.declared.added_ms
    assert saved_ms > 0
    assert np.mean(default.heard_ms) - np.mean(low.heard_ms) == pytest.approx(saved_ms, abs=1.5)
    names = [entry.name for entry in report.measurements()]
    assert "pipeline.lite.onnx.low_latency.heard" in names
    assert "from mouth to ear" in report.text()


def test_a_delay_that_the_budget_does_not_know_is_found(pass_through: Any, measure: Any):
    class Late(type(pass_through)):  # type: ignore[misc]
        """Holds every hop back once more."""

        def reset(self) -> None:
            super().reset()
            self._held = np.zeros(200, np.float32)

        def process_hop(self, hop: Float32, *rest: Any) -> tuple[Float32, float]:
            out, alpha = super().process_hop(hop, *rest)
            self._held, out = out, self._held
            return out, alpha

    for setting in measure(Late()).settings:
        assert np.mean(setting.heard_ms) - setting.declared.total_ms == pytest.approx(12.5, abs=2)
        assert setting.enhancer_ms - setting.declared.enhancer_ms == pytest.approx(12.5, abs=0.1)
