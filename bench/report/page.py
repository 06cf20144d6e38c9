"""One page that shows results to people: tables, plots, spectrograms and sound, all inside one HTML file."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.recordings import NOISY, read_speech
from ..evaluation.results import Example, Results
from ..output import write_text
from .figures import MISLEADING, alpha_figure, as_png, as_svg, snr_figure, spectrogram_figure
from .tables import Table, comparison_tables, cost_table, score_tables, snr_tables, video_tables

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"


@dataclass(frozen=True)
class Media:
    """A picture or a sound with its name; ``source`` is a data URL that holds all of it."""

    name: str
    source: str


@dataclass(frozen=True)
class Block:
    """A piece of a section: what it has of a heading, players, a drawing, pictures, a table and text."""

    title: str = ""
    players: Sequence[Media] = ()
    svg: str = ""
    images: Sequence[Media] = ()
    table: Table | None = None
    text: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    title: str
    note: str
    blocks: Sequence[Block]


def save_page(path: Path, results: Results, title: str) -> None:
    """Write results as one self-contained HTML file, whole or not at all.

    Args:
        path: of the file.
        results: as `load_results` or `merge_results` gives them, the examples on disk.
        title: of the page.

    Raises:
        InputError: the file cannot be written, or an example cannot be read.
    """
    about = [*about_machine(results.machine), *_about_settings(results)]
    write_page(path, title, about, list(_sections(results)))


def write_page(path: Path, title: str, about: Sequence[str], sections: Sequence[Section]) -> None:
    """Write one self-contained HTML file, whole or not at all. Sections without blocks are left out.

    Args:
        path: of the file.
        title: of the page.
        about: lines under the title.
        sections: of the page.

    Raises:
        InputError: the file cannot be written.
    """
    from jinja2 import Environment

    # Everything is escaped but the drawings, which matplotlib made.
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    shown = [section for section in sections if section.blocks]
    write_text(path, template.render(title=title, about=about, sections=shown))


def about_machine(machine: Mapping[str, Any]) -> Iterator[str]:
    """Lines on a machine as JSON keeps it; none where nothing is known."""
    if machine:
        memory = f", {machine['memory_gib']} GiB" if machine.get("memory_gib") else ""
        load = f", load {machine['load']}" if machine.get("load") is not None else ""
        yield f"{machine['cpu']}, {machine['cores']} cores{memory}{load}, {machine['os']}, {machine['date']}"
        packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
        yield f"Python {machine['python']}, {packages}"


def _about_settings(results: Results) -> Iterator[str]:
    for name, value in results.settings.items():
        yield f"{name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
    yield from results.notes


def _sections(results: Results) -> Iterator[Section]:
    yield Section(
        "Scores",
        "Means over recordings, by what disturbs the speech. The best of each group is marked. Recordings "
        "that lack a signal are in groups of their own; those without a defined score are counted.",
        [Block(table.title, table=table) for table in score_tables(results)],
    )
    datasets = dict.fromkeys(item.dataset for item in results.items)
    figures = [(dataset, snr_figure(results, dataset)) for dataset in datasets]
    yield Section(
        "By signal-to-noise ratio",
        "Means with their 95 % confidence intervals.",
        [Block(dataset, svg=as_svg(figure)) for dataset, figure in figures if figure is not None]
        + [Block(table.title, table=table) for table in snr_tables(results)],
    )
    yield Section(
        "Lips",
        "The change of SI-SDR, in dB, against the same system audio-only, with its 95 % confidence "
        "interval, and alpha, the mean confidence in the video. Black, frozen and wrong videos should change "
        "nothing, one that gets stuck half way nothing for the worse.",
        [Block(table.title, table=table) for table in video_tables(results)]
        + ([Block("Alpha over time", svg=as_svg(alpha_figure(results.alpha)))] if results.alpha else []),
    )
    yield Section(
        "Are the differences real?",
        "Paired tests over all recordings but the clean ones; B is the first system. Many tests at once find "
        "something by chance: read small p-values with their effect sizes.",
        [Block(table.title, table=table) for table in comparison_tables(results)],
    )
    costs = cost_table(results)
    yield Section(
        "Cost",
        "Multiply-accumulates count elementwise products, too. Peak memory is that of a fresh process, "
        "interpreter and libraries included.",
        [Block(table=costs)] if costs else [],
    )
    yield Section("Examples", "", [_example_block(example) for example in results.examples])


def _example_block(example: Example) -> Block:
    waves = {signal: read_speech(Path(file)) for signal, file in example.files.items()}
    enhanced = [name for name in waves if name not in (NOISY, "clean") and not name.endswith(MISLEADING)]
    pictures = {name: as_png(spectrogram_figure(waves, name)) for name in enhanced}
    return Block(
        title=f"{example.dataset} {example.id}",
        players=[Media(name, _embedded(Path(file))) for name, file in example.files.items()],
        images=[Media(name, _data_url("image/png", picture)) for name, picture in pictures.items()],
    )


def _embedded(file: Path) -> str:
    return _data_url(f"audio/{file.suffix.removeprefix('.')}", file.read_bytes())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"
