"""The terms of the gate's loss at values that can be told by hand."""

import torch

from lipstream.train.gate.losses import spectral_error, trust_error


def test_equal_spectra_have_no_error_and_about_30_db() -> None:
    spectrum = torch.randn(2, 2, 10, 17)
    error, ratio_db = spectral_error(spectrum, spectrum, torch.ones(2, 10), 1.0)
    assert torch.allclose(error, torch.zeros(2), atol=1e-6)
    assert torch.allclose(ratio_db, torch.full((2,), 30.0), atol=0.01)


def test_half_the_amplitude_is_a_ratio_of_6_db_and_costs_more_where_speech_counts() -> None:
    target = torch.randn(1, 2, 10, 17)
    gain = torch.ones(1, 10)
    error, ratio_db = spectral_error(0.5 * target, target, gain, 0.0)
    assert abs(ratio_db.item() - (-10 * torch.log10(torch.tensor(0.25 + 0.001)).item())) < 0.05
    with_loss, _ = spectral_error(0.5 * target, target, gain, 1.0)
    assert with_loss > 1.2 * error
    louder, _ = spectral_error(2.0 * target, target, gain, 0.0)
    louder_too, _ = spectral_error(2.0 * target, target, gain, 1.0)
    assert torch.equal(louder, louder_too)


def test_gradients_are_finite_in_silence() -> None:
    spectrum = torch.zeros(1, 2, 10, 17, requires_grad=True)
    error, ratio_db = spectral_error(spectrum, torch.zeros(1, 2, 10, 17), torch.ones(1, 10), 1.0)
    (error - ratio_db).sum().backward()
    assert spectrum.grad is not None
    assert spectrum.grad.isfinite().all()


def test_alpha_is_judged_where_the_cue_is_fresh_and_after_the_start() -> None:
    alpha, age_s = torch.full((2, 40), 0.25), torch.zeros(2, 40)
    alpha[:, :20] = 0.9  # too early to count
    age_s[1, 30:] = 1.0
    alpha[1, 30:] = 0.9  # stale
    nats = trust_error(alpha, torch.tensor([1.0, 0.0]), age_s)
    assert torch.allclose(nats, -torch.log(torch.tensor([0.25, 0.75])), atol=1e-5)
    assert torch.equal(trust_error(alpha, torch.ones(2), torch.full((2, 40), 1e6)), torch.zeros(2))
