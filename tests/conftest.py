"""Fixtures shared by the whole suite, its markers, and what happens where an extra is not installed."""

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

# Small tensors: a second thread costs more than it gives, the more so where other work shares the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent

#: Fixtures and files of tests that start a sound server, open PortAudio's streams or run a camera process.
DEVICE_FIXTURES = {"private_pulse", "routed_server", "sound_server"}
DEVICES = re.compile(
    r"test_(portaudio_host|real_devices|watchdog_devices)\.py|/camera/test_(capture|process|thread)\.py"
)

#: Tests that take seconds: they train, compile, play in real time, simulate hours, or start many processes.
SLOW = re.compile(
    r"/(demo|kernels/triton|train/run|bench/systems/peers|bench/suite)/|/commands/test_(live|pipes_and_signals)\.py|tests/test_privacy\.py|/bench/speed/test_(pipeline|streams|cost)\.py|/live/test_session\.py|"
    r"/test_(control|estimator|hop_benchmark|livekit|packaging|pipeline_delay|other_processors|realtime|soak)\.py|"
    r"test_(it_comes_nearer_to_the_clean_recording|memory_does_not_grow|each_stream_gets_what|so_it_is_with_the_real)|"
    r"offline_enhancement_of_what_went_in\[shipped"
)

#: Packages without which tests fail, though all that they import is there: a command or a thread tells of it.
NEEDS = {
    "cv2": re.compile(
        r"\[.*(--video|--camera \w+\.mp4|face)|/recording/test_recorder\.py|recording_can_be_replayed\[crops"
    ),
    "torch": re.compile(r"/bench/speed/test_cost\.py"),
}


#: What only extras bring, and `--base` hides.
EXTRAS = ("cv2", "mediapipe", "onnx", "pesq", "pystoi", "scipy", "torch", "torchvision")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """`--base`; and the options of pyproject.toml are known without pytest-benchmark too."""
    parser.addoption("--base", action="store_true", help="as if only the base install were there: no extras")
    if not pluginmanager.hasplugin("benchmark"):
        parser.addoption("--benchmark-disable", action="store_true", help="pytest-benchmark is not installed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by what they use and where they are; in several processes the longest files begin."""
    for item in items:
        if DEVICES.search(item.nodeid) or DEVICE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("devices")
        if SLOW.search(item.nodeid):
            item.add_marker("slow")
        for package, pattern in NEEDS.items():
            if pattern.search(item.nodeid) and find_spec(package) is None:
                item.add_marker(pytest.mark.skip(reason=f"{package} is not installed"))
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        long = ("devices", "slow")
        slow = {item.path for item in items if any(map(item.get_closest_marker, long))}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Commands that train have the processor flush denormal numbers: in this process, for all that follow."""
    yield
    if torch := sys.modules.get("torch"):  # None where `--base` hides it
        torch.set_flush_denormal(False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In several processes (pytest-xdist), a file stays in one, and all that use devices stay in one.

    So the fixtures of a file are made once, and sound servers and cameras do not disturb each other. Files
    are taken in the order of the collection: by pytest-xdist's own, one long test begins when all others end.
    """
    config.option.loadscopereorder = False
    from xdist.scheduler import LoadScopeScheduling

    class FilesTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "devices" if _uses_devices(file) else file

    return FilesTogether(config, log)


@cache
def _uses_devices(file: str) -> bool:
    """Whether a file, relative to the checkout, has tests that are to be marked as `devices`."""
    return bool(DEVICES.search(file)) or any(
        name in (REPOSITORY / file).read_text() for name in DEVICE_FIXTURES
    )


class SkipWhatIsNotInstalled:
    """Tests that import what is not installed are skipped, also whole files; what is broken stays an error.

    That the base install needs no extra is not left to this: see test_imports.py.

    A plugin of its own: pytest asks this file's hooks about no folder before its conftest.py is loaded.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        call = getattr(report, "call", None)
        if report.failed and call is not None and (name := _not_installed(call.excinfo.value)):
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 0, f"Skipped: {name} is not installed")
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo is not None and (name := _not_installed(call.excinfo.value)):
            report.outcome = "skipped"
            report.longrepr = (
                str(item.path),
                (item.location[1] or 0) + 1,
                f"Skipped: {name} is not installed",
            )
        return report


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--base"):
        for name in EXTRAS:
            sys.modules[name] = None  # type: ignore[assignment]  # importing it fails, and find_spec finds none
    config.pluginmanager.register(SkipWhatIsNotInstalled())


def _not_installed(error: BaseException | None) -> str | None:
    """The package outside this project whose absence an error came from."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            package = error.name.partition(".")[0]
            if package != "lipstream" and find_spec(package) is None:
                return package
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__
    return None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout (or in LIPSTREAM_DATA); skips where it is absent."""
    folder = Path(os.environ.get("LIPSTREAM_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "test" / "audio.csv").is_file():
        pytest.skip("no recordings for testing: put them in ../shared/data or point LIPSTREAM_DATA at them")
    return folder


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[None]]:
    """While it is entered, no file of this process grows beyond so many bytes: as on a full disk.

    To be left before the test ends: the report of pytest itself may be a larger file.
    """
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(limit_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
