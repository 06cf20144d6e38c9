"""PI control against the buffer it controls: an integrator driven by the drift."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.stream.dsp.clock import DriftController


def run(control: DriftController, drift: float, error_s: float, step_s: float, seconds: float) -> list[float]:
    """The error after each step of a buffer that gains by the drift and loses by the control."""
    errors = []
    for _ in range(int(seconds / step_s)):
        ratio = control.update(error_s, step_s)
        assert 0.995 <= ratio <= 1.005
        error_s += step_s * (drift + ratio - 1)
        errors.append(error_s)
    return errors


@settings(deadline=None, max_examples=40)
@given(st.floats(-1e-3, 1e-3), st.floats(-0.02, 0.02), st.floats(0.05, 1.0))
def test_any_drift_and_any_error_are_brought_to_nothing(drift: float, error_s: float, step_s: float) -> None:
    control = DriftController()
    errors = run(control, drift, error_s, step_s, 120)
    assert max(map(abs, errors[-10:])) < 2e-5
    assert control.ppm == pytest.approx(1e6 * drift, abs=5)
    assert control.hold() == pytest.approx(1 - drift, abs=5e-6)


@settings(deadline=None, max_examples=40)
@given(st.floats(-2e-4, 2e-4))
def test_a_usual_drift_never_moves_the_buffer_by_a_millisecond(drift: float) -> None:
    assert max(map(abs, run(DriftController(), drift, 0.0, 0.1, 60))) < 1e-3


@pytest.mark.parametrize("error_s", [-5.0, 5.0])
def test_a_large_error_is_not_taken_for_drift(error_s: float) -> None:
    control = DriftController()
    run(control, 0.0, error_s, 0.1, 60)
    assert control.ppm == 0


def test_on_one_clock_nothing_is_learned_and_errors_are_put_right() -> None:
    control = DriftController(same_clock=True)
    assert abs(run(control, 0.0, 0.01, 0.1, 60)[-1]) < 1e-5
    assert control.ppm == 0
