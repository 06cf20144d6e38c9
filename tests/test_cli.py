"""The command line as a whole: help, version, usage errors, and how little it loads."""

import os
import subprocess
import sys

import pytest

import lipstream
from lipstream.cli import main

COMMANDS = ["enhance", "replay", "models", "bench", "train", "cue", "export", "blend", "completion", "help"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(f"    {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: lipstream {command}" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_is_that_of_the_package(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([option])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"lipstream {lipstream.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ([], "usage: lipstream [-h]"),
        (["help"], "usage: lipstream [-h]"),
        (["help", "enhance"], "usage: lipstream enhance [-h]"),
        (["help", "bench", "latency"], "usage: lipstream bench latency [-h]"),
        (["bench"], "usage: lipstream bench [-h]"),
    ],
)
def test_help_is_shown_where_it_is_asked_for_and_where_a_word_is_wanting(
    arguments: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith(usage)
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["enhanse", "a.wav"], "no command 'enhanse', did you mean enhance? (see lipstream --help)"),
        (["bench", "latence"], "no command 'latence', did you mean latency? (see lipstream bench --help)"),
        (["qqq"], "no command 'qqq' (see lipstream --help)"),
        (["help", "bench", "latence"], "lipstream bench has no command 'latence', did you mean latency?"),
        (["--vresion"], "no option --vresion, did you mean --version? (see lipstream --help)"),
        (
            ["enhance", "a.wav", "--attn-limit=3"],
            "no option --attn-limit, did you mean --atten-limit? (see lipstream enhance --help)",
        ),
        (["bench", "latency", "--qqq"], "no option --qqq (see lipstream bench latency --help)"),
        (["models", "more", "words"], "unexpected: more words (see lipstream models --help)"),
    ],
)
def test_what_was_probably_meant_is_named_and_the_help_of_its_command(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"lipstream: error: {told}\n")


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "lipstream", "-V"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"lipstream {lipstream.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_learns_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("enhance", "replay", "atten-limit"))


def test_completion_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert 'pip install "lipstream[completion]", in a checkout pip' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["sing"], ["--loud"], ["models", "extra"]])
def test_bad_usage_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lipstream: error: ")
    assert err.count("\n") == 1


def test_models_lists_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"lite", "base", "parent"} <= set(listed)


def test_ctrl_c_while_commands_are_loaded_is_one_line() -> None:
    code = (
        "import signal, sys\n"
        "from lipstream.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Impatient:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'lipstream.stream.commands': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "sys.exit(main(['models']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "lipstream: error: interrupted\n")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from lipstream.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'torch', 'cv2', 'mediapipe', 'onnxruntime', 'soundfile', 'rich'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["live", "--input", ""], "--input"),
        (["live", "--record="], "--record"),
        (["live", "--virtual-mic", ""], "--virtual-mic"),
        (["enhance", ""], "IN"),
        (["enhance", "a.wav", "-o", ""], "-o/--output"),
    ],
)
def test_a_value_that_a_shell_left_empty_is_told(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"argument {option}: must not be empty" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_needs_no_streams(closed: str) -> None:
    program = f"'{sys.executable}' -c 'from lipstream.cli import main; exit(main([\"models\"]))'"
    assert (
        subprocess.run(["sh", "-c", f"{program} {closed}"], capture_output=True, timeout=60).returncode == 0
    )


def test_letters_that_a_terminal_has_not_are_written_out() -> None:
    program = "from lipstream.cli import main\nexit(main(['help', 'höhö\u2588']) - 2 or print('\u2588'))"
    run = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (0, "\\u2588\n")
    assert r"no command 'h\xf6h\xf6\u2588'" in run.stderr
