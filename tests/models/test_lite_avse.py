"""LiteAVSEMamba in each preset: the state protocol with every kind of video, causality, the offline form."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.config import PRESETS
from lipstream.models.lite_avse import LiteAVSEMamba, NetState, build
from lipstream.models.state import flatten_state, state_names
from lipstream.stream.runtimes.base import NO_VIDEO_AGE_S

Check = Callable[..., None]
Untrained = Callable[..., LiteAVSEMamba]
#: Net, scene, frames -> ``(embedding [1, T, E], age_s [1, T])``.
Watch = Callable[[LiteAVSEMamba, str, int], tuple[Tensor, Tensor]]
#: The last arguments of a net: embedding and age, or None twice for audio alone.
Lips = tuple[Tensor, Tensor] | tuple[None, None]

#: Lengths of chunks. `parent` is slow and has shorter frames.
CHUNKS = {"parent": [1, 2, 1], "base": [1, 2, 5], "lite": [1, 4, 11]}
FRAMES = {name: sum(lengths) for name, lengths in CHUNKS.items()}
EACH_PRESET = pytest.mark.parametrize("name", PRESETS)
EACH_SCENE = pytest.mark.parametrize("scene", ["audio only", "uneven", "missing", "black", "frozen"])


def random_spectrum(name: str) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(1, 2, FRAMES[name], PRESETS[name].stft.bins, generator=generator)


def lips_of(net: LiteAVSEMamba, scene: str, watch: Watch) -> Lips:
    return (None, None) if scene == "audio only" else watch(net, scene, FRAMES[net.config.name])


def in_chunks(net: LiteAVSEMamba, spectrum: Tensor, lips: Lips) -> tuple[Tensor, Tensor, NetState | None]:
    cuts = CHUNKS[net.config.name]
    none = (None,) * len(cuts)
    pieces = [none if part is None else part.split(cuts, 1) for part in lips]
    outputs, alphas = [], []
    state = None
    for piece, embedding, age_s in zip(spectrum.split(cuts, 2), *pieces, strict=True):
        enhanced, alpha, state = net(piece, embedding, age_s, state)
        outputs.append(enhanced)
        alphas.append(alpha)
    return torch.cat(outputs, dim=2), torch.cat(alphas, dim=1), state


def in_steps(net: LiteAVSEMamba, spectrum: Tensor, lips: Lips) -> tuple[Tensor, Tensor, NetState]:
    outputs, alphas = [], []
    state = net.init_state(1)
    for t in range(spectrum.shape[2]):
        embedding, age_s = (None if part is None else part[:, t] for part in lips)
        enhanced, alpha, state = net.step(spectrum[:, :, t], embedding, age_s, state)
        outputs.append(enhanced)
        alphas.append(alpha)
    return torch.stack(outputs, dim=2), torch.stack(alphas, dim=1), state


@EACH_PRESET
@EACH_SCENE
@torch.no_grad()
def test_steps_and_chunks_give_one_pass(
    name: str, scene: str, untrained: Untrained, watch: Watch, assert_same: Check
) -> None:
    net, spectrum = untrained(name), random_spectrum(name)
    lips = lips_of(net, scene, watch)
    whole = net(spectrum, *lips)
    assert_same(in_steps(net, spectrum, lips), whole, net)
    assert_same(in_chunks(net, spectrum, lips), whole, net)


@EACH_PRESET
@torch.no_grad()
def test_the_future_of_sound_and_video_changes_nothing_before_it(
    name: str, untrained: Untrained, watch: Watch
) -> None:
    net, spectrum, now = untrained(name), random_spectrum(name), FRAMES[name] // 2
    embedding, age_s = watch(net, "uneven", FRAMES[name])
    enhanced, alpha, _ = net(spectrum, embedding, age_s)
    other, other_embedding, other_age_s = spectrum.clone(), embedding.clone(), age_s.clone()
    other[:, :, now:].normal_()
    other_embedding[:, now:].normal_()
    other_age_s[:, now:] = 0.2
    other_enhanced, other_alpha, _ = net(other, other_embedding, other_age_s)
    torch.testing.assert_close(other_enhanced[:, :, :now], enhanced[:, :, :now], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other_alpha[:, :now], alpha[:, :now])
    assert not torch.allclose(other_enhanced[:, :, now], enhanced[:, :, now])


@EACH_PRESET
@torch.no_grad()
def test_no_video_is_audio_only_bit_for_bit(name: str, untrained: Untrained, watch: Watch) -> None:
    net, spectrum = untrained(name), random_spectrum(name)
    expected, no_alpha, state = net(spectrum)
    embedding, age_s = watch(net, "uneven", FRAMES[name])
    for shown, age in ((torch.zeros_like(embedding), NO_VIDEO_AGE_S), (embedding, 0.5)):
        enhanced, alpha, after = net(spectrum, shown, torch.full_like(age_s, age))
        assert torch.equal(enhanced, expected)
        assert torch.equal(alpha, no_alpha)
        others = (flatten_state(s._replace(fusion=())) for s in (after, state))
        assert all(torch.equal(a, b) for a, b in zip(*others, strict=True))
    assert no_alpha.abs().max() == 0


@EACH_PRESET
@torch.no_grad()
def test_fresh_lips_are_believed_to_a_degree_and_change_the_sound(
    name: str, untrained: Untrained, watch: Watch
) -> None:
    net, spectrum = untrained(name), random_spectrum(name)
    embedding, age_s = watch(net, "uneven", FRAMES[name])
    enhanced, alpha, _ = net(spectrum, embedding, age_s)
    assert alpha.shape == (1, FRAMES[name])
    assert alpha[0, 0] == 0  # nothing captured yet
    assert alpha[0, 3:].min() > 0
    assert alpha.max() <= 1
    assert not torch.allclose(enhanced, net(spectrum)[0])


@torch.no_grad()
def test_video_may_come_and_go_between_chunks(untrained: Untrained, watch: Watch, assert_same: Check) -> None:
    """A chunk without video, by None or by age: the same sound before, in and after it."""
    net, spectrum = untrained("lite"), random_spectrum("lite")
    embedding, age_s = watch(net, "frozen", FRAMES["lite"])
    _, _, state = net(spectrum[:, :, :4], embedding[:, :4], age_s[:, :4])
    absent, _, _ = net(spectrum[:, :, 4:], None, None, state)
    stale, _, _ = net(spectrum[:, :, 4:], embedding[:, 4:], age_s[:, 4:] + 1.0, state)
    assert torch.equal(absent, stale)


@EACH_PRESET
@pytest.mark.parametrize("loudness", [0.0, 1e-12, 1e4])
@torch.no_grad()
def test_silence_and_noise_far_too_loud_stay_finite(
    name: str, loudness: float, untrained: Untrained, watch: Watch
) -> None:
    net, spectrum = untrained(name), loudness * random_spectrum(name)
    enhanced, alpha, state = net(spectrum, *watch(net, "black", FRAMES[name]))
    assert all(torch.isfinite(tensor).all() for tensor in (enhanced, alpha, *flatten_state(state)))


@EACH_PRESET
@torch.no_grad()
def test_a_talker_is_enhanced_alike_near_and_far(name: str, untrained: Untrained) -> None:
    """The network hears every loudness at one level; the output has the loudness of the input."""
    net, spectrum = untrained(name), random_spectrum(name)
    near, _, _ = net(spectrum)
    far, _, _ = net(0.1 * spectrum)
    assert (10 * far - near).abs().max() <= 1e-2 * near.abs().max()


@EACH_PRESET
def test_gradients_reach_every_parameter(name: str, untrained: Untrained, watch: Watch) -> None:
    net = deepcopy(untrained(name))
    embedding, age_s = watch(net, "frozen", FRAMES[name])
    enhanced, _, _ = net(random_spectrum(name), embedding, age_s)
    enhanced.square().sum().backward()
    for parameter_name, parameter in net.named_parameters():
        if not parameter_name.startswith("visual."):  # it runs apart, once a video frame
            assert parameter.grad is not None, parameter_name
            assert torch.isfinite(parameter.grad).all(), parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name


@EACH_PRESET
@torch.no_grad()
def test_the_offline_form_sees_the_future_in_the_same_sizes(name: str, untrained: Untrained) -> None:
    net, twin, spectrum = untrained(name), untrained(name, causal=False), random_spectrum(name)
    timed = (".time_", ".memory.mamba", ".memory.leave")
    sizes, twin_sizes = (
        {key: value.shape for key, value in model.state_dict().items() if not any(map(key.count, timed))}
        for model in (net, twin)
    )
    assert sizes == twin_sizes
    enhanced, alpha, state = twin(spectrum)
    assert enhanced.shape == spectrum.shape
    assert torch.isfinite(enhanced).all()
    assert alpha.shape == (1, FRAMES[name])
    assert state.blocks == ()
    other = spectrum.clone()
    other[:, :, -1] *= -1.0
    assert not torch.allclose(twin(other)[0][:, :, 0], enhanced[:, :, 0], rtol=1e-4)


@torch.no_grad()
def test_the_offline_form_takes_video(untrained: Untrained, watch: Watch) -> None:
    twin, spectrum = untrained("lite", causal=False), random_spectrum("lite")
    enhanced, alpha, _ = twin(spectrum, *watch(twin, "uneven", FRAMES["lite"]))
    assert alpha.max() > 0
    assert not torch.allclose(enhanced, twin(spectrum)[0])


@torch.no_grad()
def test_streams_of_a_batch_do_not_touch_each_other(untrained: Untrained, assert_same: Check) -> None:
    net, spectrum = untrained("lite"), random_spectrum("lite")
    together, _, _ = net(torch.cat([10 * spectrum.flip(2), spectrum]))
    assert_same(together[1:], net(spectrum)[0], net)


def test_states_have_stable_names(untrained: Untrained) -> None:
    assert state_names(untrained("lite").init_state(1)) == [
        "level.power",
        "level.frames",
        "level.recent",
        "level.peak",
        "codec.past",
        "fusion",
        "blocks.0.memory.conv",
        "blocks.0.memory.ssm",
        "blocks.0.time.conv",
        "blocks.0.time.ssm",
        "blocks.1.memory.conv",
        "blocks.1.memory.ssm",
        "blocks.1.time.conv",
        "blocks.1.time.ssm",
    ]


def test_no_two_tensors_of_a_state_share_their_memory(untrained: Untrained) -> None:
    for name in PRESETS:
        tensors = flatten_state(untrained(name).init_state(1))
        assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)


def test_an_embedding_without_its_age_is_refused(untrained: Untrained) -> None:
    net = untrained("lite")
    embedding = torch.zeros(1, FRAMES["lite"], net.config.visual.embedding_size)
    with pytest.raises(ValueError, match="needs its age: pass video_age_s"):
        net(random_spectrum("lite"), embedding)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="choose one of parent, base, lite"):
        build("huge")
