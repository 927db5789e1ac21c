#!/usr/bin/env python3
"""Writes seeds for the fuzzer from the protocol's vectors, into the folder that is named: `run` calls it."""

import hashlib
import json
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


def step(what, data):
    """As `Steps` in src/lib.rs reads it."""
    return bytes([what]) + len(data).to_bytes(2, "little") + data


def masked(first, payload):
    """A client's WebSocket frame, masked with zeros."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
    return bytes([first]) + size + bytes(4) + payload


def write(target, data):
    folder = pathlib.Path(sys.argv[1]) / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main():
    client = [bytes.fromhex(case["hex"]) for case in load("client_messages.json")]
    server = [bytes.fromhex(case["hex"]) for case in load("server_messages.json")]
    frames = [bytes.fromhex(frame["hex"]) for frame in load("session.json")["frames"]]
    for message in client:
        write("messages", b"\0" + message)
    for message in server:
        write("messages", b"\1" + message)
    for case in load("refused_clients.json"):
        if not case["raw"]:
            write("messages", b"\0" + bytes.fromhex(case["hex"]))
    for case in load("refused_messages.json"):
        write("messages", b"\1" + bytes.fromhex(case["hex"]))
    write("messages", b"\2" + "Ada Lovelace".encode())
    write("messages", b"\2" + "Ａда ♥".encode())

    for at in (0, 40, 90):
        number = at.to_bytes(2, "big")
        write("frames", step(1, number) + step(0, frames[at]))
    write("frames", b"".join(step(0, frame) for frame in frames[:6]))

    # 33 ms, and then the session's next frame, with an input now and then.
    tick = step(2, (333).to_bytes(2, "big"))
    play = b"".join(tick + step(1, at.to_bytes(2, "big")) for at in range(40))
    write("client", play)
    write("client", play[: len(play) // 2] + b"".join(step(0, message) for message in server))
    write("client", play + step(4, b"") + tick + step(4, b"") + play)

    hello = masked(0x82, client[0])
    write("connection", step(0, hello) + step(2, (5).to_bytes(2, "big")))
    said = b"".join(step(0, masked(0x82, message)) + step(2, b"\0\1") for message in client[1:])
    write("connection", step(0, b"") + step(0, hello) + step(2, b"\0\3") + said)
    rude = masked(0x89, b"ping") + masked(0x02, b"half") + masked(0x80, b"") + masked(0x88, b"\x03\xe8bye")
    write("connection", step(0, hello) + step(2, b"\0\3") + step(0, rude) + step(3, b"") + step(2, b"\0\x1f"))


if __name__ == "__main__":
    main()
