"""Videos and all other containers, enhanced: the same out, with its pictures, tags and bit rate, in step."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from lipstream import InputError, enhance_file
from lipstream.stream.audio_files import open_audio
from lipstream.tests.stream.media.samples import (
    ENCODED,
    PLAIN,
    WITH_PICTURES,
    Sound,
    encode,
    speech_like,
    write_sample,
)

pytestmark = pytest.mark.usefixtures("pass_through_model")


def read(path: Path) -> Sound:
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(10_000)))


def pictures(path: Path) -> list[tuple[float, bytes]]:
    """Time and content of each packet of the video."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.time_base is not None
        found = []
        for packet in container.demux(video):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.size and stamp is not None:
                found.append((float(stamp * video.time_base), bytes(packet)))
        return found


def described(path: Path) -> tuple[str, str, int, int]:
    """Container, codec, rate and bit rate."""
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        return container.format.name, context.name, context.rate, context.bit_rate or container.bit_rate


@pytest.mark.parametrize("kind", sorted(ENCODED))
def test_a_container_comes_out_as_it_went_in(kind: str, tmp_path: Path) -> None:
    source, output = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    write_sample(source)
    report = enhance_file(source, output)
    before, after = described(source), described(output)
    assert after[:3] == before[:3]
    if kind not in ("flac", "mka"):
        assert after[3] == pytest.approx(before[3], rel=0.15 if before[1] != "opus" else 0.3)
    heard, written = read(source), read(output)
    assert report.duration_s == pytest.approx(len(heard) / before[2])
    assert abs(len(written) - len(heard)) <= 0.1 * before[2]
    count = min(len(heard), len(written))
    spectrum = np.fft.rfft(written[:count, 0], 2 * count) * np.conj(np.fft.rfft(heard[:count, 0], 2 * count))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, 2 * count - lag) <= _own_delay(kind)


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_plain_samples_stay_what_they_are(kind: str, tmp_path: Path) -> None:
    write_sample(tmp_path / f"in.{kind}")
    report = enhance_file(tmp_path / f"in.{kind}", tmp_path / f"out.{kind}")
    assert report.warnings == ()
    before, after = (soundfile.info(tmp_path / f"{name}.{kind}") for name in ("in", "out"))
    assert (after.format, after.subtype, after.frames) == (before.format, before.subtype, before.frames)


def _own_delay(kind: str) -> int:
    """Samples by which the encoder of a format without a place for its delay makes the sound late."""
    return {"aac": 1_024, "ac3": 256, "amr": 60, "avi": 1_200, "ts": 481, "wma": 2_100}.get(kind, 1)


@pytest.mark.parametrize("kind", [kind for kind in WITH_PICTURES if kind != "avi"])
@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_pictures_are_copied_and_stay_in_step(kind: str, late_s: float, tmp_path: Path) -> None:
    source, output = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    write_sample(source, 2.0, late_s=late_s)
    enhance_file(source, output)
    before, after = pictures(source), pictures(output)
    assert [content for _, content in after] == [content for _, content in before]
    with open_audio(source) as old, open_audio(output) as new:
        next(old.blocks(1_000))
        next(new.blocks(1_000))
        starts = [time_s for time_s, _ in (before[0], after[0])]
        moved_s = (starts[1] - new.start_s - _clock(output)) - (starts[0] - old.start_s - _clock(source))
    assert abs(moved_s) < (0.032 if kind == "ts" else 0.002)  # MP2's own delay has no place in TS


def _clock(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.start_time or 0) / 1e6 if container.format.name == "mpegts" else 0.0


def test_a_turned_video_stays_turned(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_sample(source)
    turned = np.array([0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000], dtype=">i4").tobytes()
    content = bytearray(source.read_bytes())
    matrix = content.index(b"tkhd") + 44  # in the track header, ISO/IEC 14496-12, section 8.3.2
    content[matrix : matrix + 36] = turned
    source.write_bytes(content)
    enhance_file(source, tmp_path / "out.mp4")

    def rotation(path: Path) -> int:
        with av.open(str(path)) as container:
            return next(container.decode(video=0)).rotation

    assert rotation(source) == rotation(tmp_path / "out.mp4") != 0


def test_further_tracks_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_sample(source, second_track=True)
    enhance_file(source, tmp_path / "out.mkv")

    def second(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            kept = [bytes(packet) for packet in container.demux(container.streams.audio[-1]) if packet.size]
            assert len(container.streams.audio) == 2
            return kept

    # The enhanced one comes behind the copied ones in the file.
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "audio"]
    assert second(source)


@pytest.mark.parametrize("target", ["wav", "flac", "mp3"])
def test_the_sound_of_a_video_goes_into_an_audio_file(target: str, tmp_path: Path) -> None:
    write_sample(tmp_path / "in.mp4")
    enhance_file(tmp_path / "in.mp4", tmp_path / f"out.{target}")
    assert soundfile.info(tmp_path / f"out.{target}").frames == 48_000


@pytest.mark.parametrize("kind", ["mp3", "flac", "m4a", "opus", "mka", "ogg", "wav"])
def test_tags_come_along(kind: str, tmp_path: Path) -> None:
    source, output = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    tags = {"title": "Talk", "artist": "Ann Öhm"}
    if kind in ENCODED:
        write_sample(source, tags=tags)
    else:
        with soundfile.SoundFile(source, "w", 16_000, 1) as file:
            file.title, file.artist = tags["title"], tags["artist"]
            file.write(speech_like(0.5, 16_000))
    enhance_file(source, output)
    with open_audio(output) as reader:
        kept = {key.lower(): text for key, text in reader.tags.items()}
    assert tags.items() <= kept.items()


def test_a_broadcast_wave_keeps_its_time_code(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, speech_like(0.5, 16_000), 16_000)
    content = source.read_bytes()
    bext = bytes(338) + (123_456).to_bytes(8, "little") + bytes(256)
    source.write_bytes(content[:36] + b"bext" + len(bext).to_bytes(4, "little") + bext + content[36:])
    enhance_file(source, tmp_path / "out.wav")
    with av.open(str(tmp_path / "out.wav")) as container:
        assert container.metadata["time_reference"] == "123456"
    assert soundfile.info(tmp_path / "out.wav").frames == 8_000


def test_a_cover_comes_along(tmp_path: Path) -> None:
    source = tmp_path / "in.mp3"
    with av.open(str(source), "w") as output:
        sound: Any = output.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover: Any = output.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
        for packet in [*cover.encode(picture), *cover.encode(None)]:
            output.mux(packet)
        frame = av.AudioFrame.from_ndarray(speech_like(0.5, 44_100).T.copy(), format="flt", layout="mono")
        frame.sample_rate = 44_100
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            output.mux(packet)
    enhance_file(source, tmp_path / "out.mp3")
    covers = []
    for path in (source, tmp_path / "out.mp3"):
        with av.open(str(path)) as container:
            covers.append(bytes(next(container.demux(video=0))))
    assert covers[0] == covers[1]
    assert len(covers[0]) > 100


@pytest.mark.parametrize(("kind", "bit_rate"), [("mp3", 320_000), ("m4a", 40_000), ("opus", 24_000)])
def test_the_bit_rate_is_that_of_the_source(kind: str, bit_rate: int, tmp_path: Path) -> None:
    write_sample(tmp_path / f"in.{kind}", 3.0, bit_rate=bit_rate)
    enhance_file(tmp_path / f"in.{kind}", tmp_path / f"out.{kind}")
    sizes = [(tmp_path / f"{name}.{kind}").stat().st_size for name in ("in", "out")]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)


@pytest.mark.parametrize(("target", "rate", "becomes"), [("opus", 44_100, 48_000), ("mp3", 96_000, 48_000)])
def test_a_rate_that_a_codec_has_not_becomes_the_next(
    target: str, rate: int, becomes: int, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "in.wav", speech_like(1.0, rate), rate)
    report = enhance_file(tmp_path / "in.wav", tmp_path / f"out.{target}")
    (told,) = report.warnings
    assert f"has no {rate} Hz: the output has {becomes} Hz" in told
    assert ("nothing above 24 kHz" in told) == (becomes < rate)
    assert soundfile.info(tmp_path / f"out.{target}").duration == pytest.approx(1.0, abs=0.001)


def test_what_cannot_be_encoded_again_is_told_with_what_it_became(tmp_path: Path) -> None:
    wide_band = b"#!AMR-WB\n" + 100 * (b"\x04" + np.random.default_rng(0).bytes(17))
    (tmp_path / "in.amr").write_bytes(wide_band)
    report = enhance_file(tmp_path / "in.amr", tmp_path / "out.amr")
    assert described(tmp_path / "out.amr")[1:3] == ("amrnb", 8_000)
    assert report.warnings == (
        "AMR_WB became AMR_NB: there is no encoder of it for AMR files",
        "AMR_NB has no 16000 Hz: the output has 8000 Hz and nothing above 4 kHz (-o NAME.flac keeps it)",
    )


def test_vorbis_in_webm_is_told_to_become_opus(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.ogg", speech_like(1.0, 48_000), 48_000, format="OGG", subtype="VORBIS")
    with av.open(str(tmp_path / "in.ogg")) as source, av.open(str(tmp_path / "in.webm"), "w") as webm:
        copied: Any = webm.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copied
                webm.mux(packet)
    report = enhance_file(tmp_path / "in.webm", tmp_path / "out.webm")
    assert report.warnings == ("VORBIS became OPUS: there is no encoder of it for WEBM files",)
    assert enhance_file(tmp_path / "in.webm", tmp_path / "out.ogg").warnings == ()


@pytest.mark.parametrize("kind", ["m4a", "mp3", "mka", "mkv"])
def test_chapters_come_along(kind: str, tmp_path: Path) -> None:
    write_sample(tmp_path / f"plain.{kind}")
    chapters: Any = [
        {"id": number, "start": 500 * number, "end": 500 * (number + 1), "time_base": Fraction(1, 1000)}
        | {"metadata": {"title": title}}
        for number, title in enumerate(("one", "two"))
    ]
    muxer = {"m4a": "ipod", "mka": "matroska", "mkv": "matroska"}.get(kind, kind)
    with (
        av.open(str(tmp_path / f"plain.{kind}")) as source,
        av.open(str(tmp_path / f"in.{kind}"), "w", format=muxer) as marked,
    ):
        copies = {stream.index: marked.add_stream_from_template(stream) for stream in source.streams}
        marked.set_chapters(chapters)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                marked.mux(packet)
    enhance_file(tmp_path / f"in.{kind}", tmp_path / f"out.{kind}")
    with av.open(str(tmp_path / f"out.{kind}")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["one", "two"]


def test_the_enhanced_track_stays_the_first_one(tmp_path: Path) -> None:
    write_sample(tmp_path / "in.mkv", second_track=True)
    enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "in.mkv")) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert [each.type for each in after.streams] == [each.type for each in before.streams]
        copied = [[bytes(packet) for packet in each.demux(each.streams.audio[1])] for each in (before, after)]
        assert copied[0] == copied[1]
        assert [each.disposition for each in after.streams] == [each.disposition for each in before.streams]


def test_too_many_channels_are_told_before_anything_is_written(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((1_000, 6)), 16_000)
    with pytest.raises(InputError, match=r"out\.mp3: MP3 holds 2 channels at most, not 6: choose .*flac"):
        enhance_file(tmp_path / "in.wav", tmp_path / "out.mp3")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_a_damaged_video_keeps_its_length_and_tells_it(tmp_path: Path) -> None:
    source = tmp_path / "in.ts"
    encode(source, "mp2", 32_000, speech_like(4.0, 32_000), pictures=True)
    content = bytearray(source.read_bytes())
    middle = len(content) // 376 * 188
    content[middle : middle + 188 * 60] = bytes(188 * 60)
    source.write_bytes(content)
    report = enhance_file(source, tmp_path / "out.ts")
    assert report.duration_s == pytest.approx(4.0, abs=0.1)
    assert any("damaged at" in warning for warning in report.warnings)


def test_a_full_disk_leaves_nothing_of_a_container(tmp_path: Path, small_disk: Any) -> None:
    soundfile.write(tmp_path / "in.wav", speech_like(20.0, 16_000), 16_000)
    with small_disk(20_000), pytest.raises(InputError, match="make room on the disk"):
        enhance_file(tmp_path / "in.wav", tmp_path / "out.m4a")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def film(path: Path, *, klv: bool = False, attached: dict[str, tuple[str, bytes]] | None = None) -> None:
    """A second of pictures and sound, with data of a camera in the air, or with files attached."""
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("mpeg2video", rate=25)
        video.width = video.height = 32
        sound: Any = output.add_stream("mp2", rate=48_000, layout="mono")
        data: Any = output.add_data_stream("klv") if klv else None
        for name, (kind, content) in (attached or {}).items():
            output.add_attachment(name, kind, content)
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 9 * number, np.uint8), format="rgb24")
            for packet in video.encode(picture):
                output.mux(packet)
            if data is not None:
                packet = av.Packet(bytes([number]) * 20)
                packet.stream, packet.time_base = data, Fraction(1, 90_000)
                packet.pts = packet.dts = 3_600 * number
                output.mux(packet)
        frame = av.AudioFrame.from_ndarray(speech_like(1.0, 48_000).T.copy(), format="flt", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*video.encode(None), *sound.encode(frame), *sound.encode(None)]:
            output.mux(packet)


def png() -> bytes:
    """A picture as a file."""
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 16, 16, "rgb24", Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 50, np.uint8), format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def test_fonts_and_covers_of_a_matroska_file_stay_attached(tmp_path: Path) -> None:
    font, cover = bytes(range(256)) * 10, png()
    film(tmp_path / "in.mkv", attached={"Font.ttf": ("font/ttf", font), "cover.png": ("image/png", cover)})
    assert enhance_file(tmp_path / "in.mkv", tmp_path / "out.mkv").warnings == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        video, sound, attached, picture = container.streams
        assert (video.type, sound.type, attached.type) == ("video", "audio", "attachment")
        assert isinstance(attached, av.stream.AttachmentStream)
        assert (attached.name, attached.mimetype, attached.data) == ("Font.ttf", "font/ttf", font)
        assert picture.disposition & av.stream.Disposition.attached_pic
        assert picture.metadata["filename"] == "cover.png"
        assert next(bytes(packet) for packet in container.demux(picture)) == cover


def test_what_a_container_has_no_place_for_is_told(tmp_path: Path) -> None:
    film(tmp_path / "in.mkv", attached={"Font.ttf": ("font/ttf", b"letters")})
    assert enhance_file(tmp_path / "in.mkv", tmp_path / "out.ts").warnings == (
        "left out, for this container has no place for it: attached file Font.ttf",
    )
    film(tmp_path / "in.ts", klv=True)
    (told,) = enhance_file(tmp_path / "in.ts", tmp_path / "out.mkv").warnings
    assert told.endswith("data track klv")


def test_data_of_a_camera_stay_in_step_in_a_transport_stream(tmp_path: Path) -> None:
    film(tmp_path / "in.ts", klv=True)
    assert enhance_file(tmp_path / "in.ts", tmp_path / "out.ts").warnings == ()
    found = []
    for name in ("in.ts", "out.ts"):
        first_s = pictures(tmp_path / name)[0][0]
        with av.open(str(tmp_path / name)) as container:
            packets = [packet for packet in container.demux(data=0) if packet.size]
            found.append([(round(_time_s(packet) - first_s, 2), bytes(packet)) for packet in packets])
    assert found[0] == found[1]
    assert len(found[0]) == 25


def _time_s(packet: Any) -> float:
    return float(packet.pts * packet.time_base)
