#!/usr/bin/env python3
"""A bad line between two network namespaces: a TUN device in each, and this process between them.

usage: link.py NEAR FAR DELAY_MS JITTER_MS LOSS_PERCENT SEED SECONDS

Every packet takes the delay and, evenly spread, up to the jitter more, each way; so many of a hundred are lost; none overtakes
another. The near end is 10.98.0.1 and the far end 10.98.0.2. Says "ready" when packets pass, and how many it lost at the end.
"""

import collections
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
PACKET_BYTES_MAX = 2048
# As a router's: what comes while so many are under way is lost.
PACKETS_MAX = 4096


def open_end(namespace, address):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/var/run/netns/{namespace}") as entry:
        if libc.setns(entry.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"line", IFF_TUN_NO_PI))
    for command in (f"addr add {address}/24 dev line", "link set line up", "link set lo up"):
        subprocess.check_call(["ip", *command.split()])
    return device


class Way:
    """One direction: packets in the order in which they came, each with the time at which it comes out."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.queue = collections.deque()
        self.came = self.lost = 0

    def take(self, line, dice):
        while True:
            try:
                packet = os.read(self.source, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            self.came += 1
            if dice.random() < line.loss or len(self.queue) >= PACKETS_MAX:
                self.lost += 1
                continue
            out = time.monotonic() + line.delay + dice.random() * line.jitter
            if self.queue:
                out = max(out, self.queue[-1][0])
            self.queue.append((out, packet))

    def release(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            try:
                os.write(self.target, self.queue.popleft()[1])
            except OSError:
                self.lost += 1


Line = collections.namedtuple("Line", "delay jitter loss")


def main():
    near, far, delay, jitter, loss, seed, seconds = sys.argv[1:]
    line = Line(float(delay) / 1e3, float(jitter) / 1e3, float(loss) / 100)
    dice = random.Random(int(seed))
    ends = open_end(near, "10.98.0.1"), open_end(far, "10.98.0.2")
    ways = [Way(ends[0], ends[1]), Way(ends[1], ends[0])]
    print("ready", flush=True)
    until = time.monotonic() + float(seconds)
    while (now := time.monotonic()) < until:
        due = [way.queue[0][0] - now for way in ways if way.queue]
        readable = select.select(ends, [], [], max(0, min(due, default=0.05)))[0]
        for way in ways:
            if way.source in readable:
                way.take(line, dice)
            way.release()
    print("packets", sum(way.came for way in ways), "lost", sum(way.lost for way in ways))


main()
