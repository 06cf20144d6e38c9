"""A worker's promises to its clients, over WebSockets: each gets its own sound, errors say what to do."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.enhancer import Enhancer
from lipstream.tests.stream.pass_through_pool import PassThroughPool
from lipstream.tests.stream.waiting import until

Make = Callable[..., Any]
TOKEN = "a token that is long enough"


def noise(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


@pytest.mark.parametrize(("rate", "kind"), [(16_000, "float32"), (48_000, "float32"), (8_000, "int16")])
def test_a_stream_is_what_an_enhancer_gives_and_its_rest(
    serve: Make, pass_through: Make, rate: int, kind: str
) -> None:
    sound = noise(rate)
    alone = Enhancer(sample_rate=rate, runtime=pass_through(lips="landmarks"))
    expected = np.concatenate([alone.process(sound), alone.flush()])
    with serve().client() as client:
        ready = client.hello(rate, kind)
        assert (ready["type"], ready["latency_samples"], ready["lips"]) == (
            "ready",
            alone.latency_samples,
            "landmarks",
        )
        for piece in np.array_split(sound, 7):
            client.send(piece)
        client.say(type="end")
        heard = client.hear(10**9)
        assert client.last == {"type": "done", "samples": rate, "mean_alpha": 0.0, "limited_samples": 0}
        assert client.closed() == 1000
    np.testing.assert_allclose(heard, expected, rtol=0, atol=0 if kind == "float32" else 1e-4)


def test_many_streams_of_any_rate_hear_only_themselves(serve: Make, pass_through: Make) -> None:
    server = serve()
    rates = (8_000, 16_000, 48_000)
    with server.client() as first, server.client() as second, server.client() as third:
        clients = (first, second, third)
        for client, rate in zip(clients, rates, strict=True):
            client.hello(rate)
        for part in range(4):
            for client, rate in zip(clients, rates, strict=True):
                client.send(noise(rate // 10, seed=part + rate))
        for client, rate in zip(clients, rates, strict=True):
            sent = np.concatenate([noise(rate // 10, seed=part + rate) for part in range(4)])
            expected = Enhancer(sample_rate=rate, runtime=pass_through(lips="landmarks")).process(sent)
            np.testing.assert_array_equal(client.hear(len(sent)), expected)


def test_lips_and_controls_count(serve: Make, pass_through: Make) -> None:
    runtime = PassThroughPool(pass_through, 1, lips="landmarks", gain=0.0)
    with serve(streams=1, runtime=runtime).client() as client:
        client.hello()
        client.say(type="set", bypass=True)
        for picture in range(3):  # a face that does not move counts for nothing
            face = np.random.default_rng(picture).uniform(200, 400, (44, 3)).tolist()
            client.say(type="lips", time_s=0.04 * picture, landmarks=face)
        client.send(noise(2_000))
        np.testing.assert_allclose(client.hear(2_000)[400:], noise(2_000)[:1_600], atol=1e-6)
        client.say(type="end")
        client.hear(10**9)
        assert client.last["mean_alpha"] > 0
    assert runtime.members[0].seen[0][0] == pytest.approx(np.random.default_rng(1).uniform(200, 400))


@pytest.mark.parametrize(
    ("message", "code", "fix"),
    [
        (b"\0" * 7, "bad_audio", "4 bytes a sample"),
        (np.full(9, np.inf, "<f4").tobytes(), "bad_audio", "NaN or infinity"),
        (b"\0" * 4 * 16_001, "bad_audio", "16000 or fewer"),
        ("sound", "bad_message", "JSON"),
        ('{"type": "lips"}', "bad_lips", "time_s"),
    ],
)
def test_broken_messages_end_one_stream_and_no_other(
    serve: Make, pass_through: Make, message: bytes | str, code: str, fix: str
) -> None:
    server = serve()
    with server.client() as good, server.client() as bad:
        good.hello()
        bad.hello()
        good.send(noise(1_000))
        bad.websocket.send(message)
        told = bad.told()
        assert (told["type"], told["code"]) == ("error", code)
        assert fix in told["message"]
        assert bad.closed() == 4400
        good.send(noise(1_000, seed=1))
        sent = np.concatenate([noise(1_000), noise(1_000, seed=1)])
        expected = Enhancer(runtime=pass_through(lips="landmarks")).process(sent)
        np.testing.assert_array_equal(good.hear(2_000), expected)


def test_lips_that_go_back_in_time_end_one_stream_and_no_other(serve: Make) -> None:
    server = serve()
    with server.client() as good, server.client() as bad:
        for client in (good, bad):
            client.hello()
            for time_s in (0.04, 0.08 if client is good else 0.01):
                client.say(type="lips", time_s=time_s, landmarks=[[1.0, 2.0, 3.0]] * 44)
            client.send(noise(400))
        assert len(good.hear(400)) == 400
        bad.hear(400)
        assert bad.last["code"] == "bad_lips"
        assert "order of time" in bad.last["message"]


def test_a_message_beyond_all_measure_is_not_even_read(serve: Make) -> None:
    with serve().client() as client:
        client.hello()
        client.websocket.send(bytes(2**20 + 1))
        assert client.closed() == 1009


def test_a_step_that_fails_is_told_to_those_it_was_for(serve: Make, pass_through: Make) -> None:
    class Failing(PassThroughPool):
        def process_hops(self, *arguments: Any) -> Any:
            raise RuntimeError("as a broken graph")

    with serve(runtime=Failing(pass_through, 3, lips="landmarks")).client() as client:
        client.hello()
        client.send(noise(400))
        assert client.told()["code"] == "broken"
        assert client.closed() == 1011


def test_who_finds_no_room_is_told_so_and_gets_one_later(serve: Make) -> None:
    server = serve(streams=1)
    with server.client() as first:
        first.hello()
        with server.client() as second:
            assert second.hello()["code"] == "full"
            assert second.closed() == 1013
        assert json.loads(server.get("/health")[1])["streams"] == 1
    assert until(lambda: server.table.total("streams") == 0)
    assert until(lambda: server.table.total("lost_total") == 1)
    with server.client() as third:
        assert third.hello()["type"] == "ready"


def test_a_token_is_asked_for_in_the_header_or_the_hello(serve: Make) -> None:
    server = serve(token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with server.client(bearer) as by_header, server.client() as by_hello, server.client() as wrong:
        assert by_header.hello()["type"] == "ready"
        assert by_hello.hello(token=TOKEN)["type"] == "ready"
        assert wrong.hello(token=TOKEN[:-1])["code"] == "unauthorised"
        assert wrong.closed() == 4401
    assert server.get("/metrics")[0] == 401
    assert server.get("/metrics", bearer)[0] == server.get("/health")[0] == 200


def test_pages_in_a_browser_need_a_token(serve: Make) -> None:
    from websockets.exceptions import InvalidStatus

    page = {"Origin": "https://example.org"}
    with pytest.raises(InvalidStatus, match="403"), serve().client(page):
        pass
    with serve(token=TOKEN).client(page) as client:
        assert client.hello(token=TOKEN)["type"] == "ready"


def test_silent_clients_are_sent_away(serve: Make) -> None:
    server = serve(hello_s=0.1, idle_s=0.1)
    with server.client() as mute, server.client() as idle:
        idle.hello()
        assert mute.told()["code"] == "bad_hello"
        assert idle.told()["code"] == "idle"
        assert {mute.closed(), idle.closed()} == {4408}


def test_who_does_not_read_is_sent_away_and_holds_nobody_up(serve: Make) -> None:
    from websockets.exceptions import ConnectionClosed

    server = serve(stall_s=0.3, queue_s=0.2, speed=1e9)
    with server.client() as deaf, server.client() as good:
        deaf.hello(192_000)
        good.hello()

        def pour() -> None:  # until the server reads no more, and then has gone
            with suppress(ConnectionClosed):
                for _ in range(200):
                    deaf.send(np.zeros(192_000, np.float32))

        pouring = threading.Thread(target=pour)
        pouring.start()
        good.send(noise(4_000))
        assert len(good.hear(4_000)) == 4_000
        assert until(lambda: server.table.total("refused_total") == 1)
        pouring.join(60)
        assert not pouring.is_alive()
        good.send(noise(400))
        assert len(good.hear(400)) == 400


def test_sound_that_comes_too_fast_is_made_to_wait(serve: Make) -> None:
    server = serve(speed=50.0)
    with server.client() as client:
        client.hello()
        for _ in range(8):
            client.send(noise(4_000))
        assert len(client.hear(32_000)) == 32_000
    assert server.table.total("waits_total") > 0


def test_a_worker_that_drains_lets_streams_end(serve: Make) -> None:
    server = serve(drain_s=60)
    with server.client() as running, server.client() as late:
        running.hello()
        server.table.drain()
        assert server.get("/health")[0] == 503
        assert late.hello()["code"] == "draining"
        running.send(noise(1_000))
        running.say(type="end")
        assert len(running.hear(10**9)) == 1_400
        assert running.last["type"] == "done"
    server.thread.join(60)
    assert not server.thread.is_alive()


def test_a_worker_that_may_not_wait_tells_its_streams(serve: Make) -> None:
    server = serve(drain_s=0)
    with server.client() as client:
        client.hello()
        server.table.drain()
        assert client.told()["code"] == "draining"
        assert client.closed() == 1012


def test_metrics_tell_what_was_done(serve: Make) -> None:
    server = serve()
    with server.client() as client:
        client.hello()
        client.send(noise(1_600))
        client.hear(1_600)
        lines = server.get("/metrics")[1].splitlines()
    numbers = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}
    assert numbers['lipstream_audio_seconds_total{worker="0"}'] == pytest.approx(0.1)
    assert numbers['lipstream_streams{worker="0"}'] == 1
    assert numbers['lipstream_room{worker="0"}'] == 3
    assert numbers['lipstream_latency_seconds_count{worker="0"}'] == 1
