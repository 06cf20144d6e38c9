"""Models that hear whole recordings, timed and counted: offline forms, and SEMamba of any size."""

from dataclasses import asdict
from pathlib import Path

import pytest
from safetensors.torch import save_file

from lipstream.bench.speed.cost import measure_cost_report
from lipstream.bench.speed.network.complexity import count_parameters, offline_complexity
from lipstream.bench.speed.offline import measure_offline
from lipstream.bench.speed.whole import whole_form
from lipstream.errors import InputError
from lipstream.models.config import preset
from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.parents.semamba import SEMamba, SEMambaConfig
from lipstream.models.store.folder import RUN_WEIGHTS, form_metadata, kind_metadata


@pytest.fixture
def parent(tmp_path: Path) -> tuple[str, SEMamba]:
    """The folder of a training of a small SEMamba."""
    net = SEMamba(SEMambaConfig(hid_feature=4, num_tfmamba=1, d_state=4, expand=2))
    save_file(net.state_dict(), tmp_path / RUN_WEIGHTS, kind_metadata("semamba", asdict(net.config)))
    return str(tmp_path), net


def test_semamba_is_counted_at_the_sizes_of_its_folder(parent: tuple[str, SEMamba]) -> None:
    folder, net = parent
    counted = offline_complexity(folder, seconds=1)
    assert counted.parameters == count_parameters(net)
    assert counted.macs_per_second > 0
    assert (counted.visual_parameters, counted.state_bytes) == (0, None)
    assert measure_offline(folder, 0.5, runs=1).elapsed_s > 0


def test_an_offline_form_has_its_own_sizes(tmp_path: Path) -> None:
    config = preset("lite").without("memory").offline()
    net = LiteAVSEMamba(config)
    save_file(net.state_dict(), tmp_path / RUN_WEIGHTS, form_metadata(config))
    form = whole_form(str(tmp_path), 0.1)
    assert isinstance(form.net, LiteAVSEMamba)
    assert form.net.config == config
    assert form.seconds == pytest.approx(0.1)


def test_what_hears_whole_recordings_is_measured_on_no_runtime(parent: tuple[str, SEMamba]) -> None:
    with pytest.raises(InputError, match="hears whole recordings: its only runtime is offline"):
        measure_cost_report([parent[0]], ["onnx", "native"], 1)
