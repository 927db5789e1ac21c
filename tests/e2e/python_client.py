#!/usr/bin/env python3
"""A foreign client of the Fracas protocol, written from PROTOCOL.md alone and with the standard library only.

It joins a server and plays (--url), or checks itself against the byte vectors (--vectors); "(4.2)" names a section.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import math
import os
import random
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

U16_MAX, U32_MAX, U64_MAX = 2**16 - 1, 2**32 - 1, 2**64 - 1
FRAME_BYTES_MAX, CONTROL_BYTES_MAX = 131_072, 8_192
WORLD_CELLS, CELL_BITS, POSITION_MAX = 1_024, 12, 2**22 - 1
SHIP_RADIUS, SHOTS, HULL_MAX, ENERGY_MAX, NAME_PLACES = 768, 7, 100, 6_000, 128


class ProtocolError(Exception):
    """What the server sent is not what the protocol says."""


class MessageError(ProtocolError):
    """A control message could not be decoded."""


class FrameError(ProtocolError):
    """A frame could not be decoded or applied."""


class WebSocketError(ProtocolError):
    """The WebSocket layer was violated."""


class HandshakeRefused(ProtocolError):
    """The server would not open the WebSocket."""


# --- Control messages (2) ---------------------------------------------------------------------------------------------


def pack_uint(value: int) -> bytes:
    """A u16, u32 or u64: all three are written alike, as the shortest form that holds the value."""
    if value <= 250:
        return bytes([value])
    if value <= U16_MAX:
        return b"\xfb" + value.to_bytes(2, "little")
    return b"\xfc" + value.to_bytes(4, "little") if value <= U32_MAX else b"\xfd" + value.to_bytes(8, "little")


def pack_text(text: str) -> bytes:
    data = text.encode()
    return pack_uint(len(data)) + data


@dataclass(frozen=True)
class Input:
    """What the player holds on a tick; thrust is 0 for none or 1 + a heading in sixteenths of a turn."""

    thrust: int = 0
    aim: int = 0
    fire: bool = False


def pack_hello(name: str, role: int, aspect: int, token: bytes | None = None, room: str = "main") -> bytes:
    session = b"\x00" if token is None else b"\x01" + token
    return b"\x00" + pack_uint(1) + pack_text(name) + session + pack_text(room) + bytes([role, aspect])


def pack_inputs(ack: int, tick: int, held: Input) -> bytes:
    return b"\x01" + pack_uint(ack) + pack_uint(tick) + bytes([held.thrust]) + pack_uint(held.aim) + bytes([held.fire])


def pack_ack(tick: int) -> bytes:
    return b"\x02" + pack_uint(tick)


def pack_ping(stamp: int) -> bytes:
    return b"\x03" + pack_uint(stamp)


FRESH_START, GOODBYE = b"\x04", b"\x05"


class ByteReader:
    """Takes the fields of a control message one after the other."""

    WIDTHS = {251: (2, 250), 252: (4, U16_MAX), 253: (8, U32_MAX)}  # marker: (bytes, what a shorter form would hold)

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise MessageError("the message is too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def flag(self) -> bool:
        if (value := self.u8()) > 1:
            raise MessageError(f"{value} is no bool")
        return value == 1

    def uint(self, most: int) -> int:
        first = self.u8()
        if first <= 250:
            return first
        if first not in self.WIDTHS:
            raise MessageError(f"{first} begins no number")
        width, shorter = self.WIDTHS[first]
        value = int.from_bytes(self.take(width), "little")
        if not shorter < value <= most:
            raise MessageError(f"number {value} is out of range or not in its shortest form")
        return value

    def text(self) -> str:
        try:
            return self.take(self.uint(U64_MAX)).decode()
        except UnicodeDecodeError as error:
            raise MessageError("a text is not UTF-8") from error

    def each(self) -> Iterable[int]:
        """Counts through a list whose length comes first; every item has a byte at least, so the end is checked."""
        return range(self.uint(len(self.data)))


# The fields are named as the vectors name them, so that the two can be compared without a table.
@dataclass(frozen=True)
class Limits:
    message_bytes_max: int
    frame_bytes_max: int
    visible_max: int
    inputs_ahead_max: int
    silence_max_ms: int


@dataclass(frozen=True)
class Welcome:
    tick_rate: int
    tick: int
    own: int | None
    token: bytes
    resumed: bool
    map: int
    world: int  # open tiles
    limits: Limits


@dataclass(frozen=True)
class Pong:
    stamp: int
    hold_us: int
    tick: int
    phase_us: int


@dataclass(frozen=True)
class News:
    kind: str
    content: Any


@dataclass(frozen=True)
class Goodbye:
    code: int
    retry_after_ms: int


ServerMessage: TypeAlias = Welcome | Pong | News | Goodbye


def read_welcome(data: ByteReader) -> Welcome:
    if (rate := data.u8()) not in RATES:
        raise MessageError(f"a tick rate of {rate}")
    tick, own = data.uint(U32_MAX), data.uint(U16_MAX) if data.flag() else None
    if own is not None and not is_ship(own):
        raise MessageError(f"the own ship has the id {own}, which is no ship's")
    token, resumed, map_id, opened = data.take(16), data.flag(), data.uint(U32_MAX), data.uint(U16_MAX)
    limits = Limits(data.uint(U16_MAX), data.uint(U32_MAX), data.uint(U16_MAX), data.u8(), data.uint(U16_MAX))
    return Welcome(rate, tick, own, token, resumed, map_id, opened, limits)


def read_news(data: ByteReader) -> News:
    kind = data.u8()
    if kind == 0:
        players = data.uint(U16_MAX)
        rows = [{"name": data.text(), "score": data.uint(U16_MAX)} for _ in data.each()]
        return News("Leaderboard", {"players": players, "rows": rows})
    if kind == 1:
        kills = [{"killer": data.text(), "victim": data.text()} for _ in data.each()]
        return News("KillFeed", {"kills": kills, "more": data.uint(U16_MAX)})
    if kind == 2:
        return News("Density", [data.u8() for _ in data.each()])
    if kind == 3:
        return News("Destroyed", {"by": data.text()})
    raise MessageError(f"news of the unknown kind {kind}")


def decode_message(message: bytes) -> ServerMessage:
    """A control message from the server (2.2)."""
    data = ByteReader(message)
    number, decoded = data.u8(), None
    if number == 0:
        decoded = read_welcome(data)
    elif number == 1:
        decoded = Pong(data.uint(U64_MAX), data.uint(U32_MAX), data.uint(U32_MAX), data.uint(U32_MAX))
    elif number == 2:
        decoded = read_news(data)
    elif number == 3:
        decoded = Goodbye(data.uint(U16_MAX), data.uint(U32_MAX))
    else:
        raise MessageError(f"a message of the unknown number {number}")
    if data.at != len(message):
        raise MessageError("the message goes on after its last field")
    return decoded


# --- The arena's shared step (5) --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """The constants that depend on the tick rate."""

    top: int
    thrust: int
    brake: int
    bolt: int
    life: int
    reload: int
    energy: int


RATES = {
    20: Rates(14_336, 2_392, 1_026, 32_768, 20, 6, 30),
    30: Rates(9_557, 1_064, 458, 21_845, 30, 9, 20),
    60: Rates(4_779, 268, 116, 10_923, 60, 18, 10),
}
SINES = [round(16_384 * math.sin(2 * math.pi * heading / 1_024)) for heading in range(1_024)]


def divide(number: int, by: int) -> int:
    """Division that rounds toward zero; Python's own `//` rounds down. `by` is positive."""
    return number // by if number >= 0 else -(-number // by)


def vector(heading: int, length: int) -> tuple[int, int]:
    return divide(length * SINES[(heading + 256) % 1_024], 16_384), divide(length * SINES[heading], 16_384)


def is_ship(entity_id: int) -> bool:
    return entity_id >= 4_096 and entity_id % 8 == 0


@dataclass(slots=True)
class Ship:
    x: int
    y: int
    vx: int = 0
    vy: int = 0
    thrust: int = 0
    fire: bool = False
    aim: int = 0
    reload: int = 0
    shots: int = 0
    hull: int = HULL_MAX
    timer: int = 0
    score: int = 0
    dash: int = 0
    rail: int | None = None


@dataclass(slots=True)
class Bolt:
    x: int
    y: int
    heading: int
    life: int


@dataclass(slots=True)
class PickUp:
    x: int
    y: int
    kind: int


Entity: TypeAlias = Ship | Bolt | PickUp


@dataclass(frozen=True)
class OwnState:
    energy: int
    drained: bool
    rank: int


def digest(words: Iterable[int]) -> int:
    """The hash of lists and maps (7)."""
    value = 0x46524143
    for word in words:
        value = ((value ^ word) * 0x9E3779B1) & U32_MAX
        value ^= value >> 15
    return value


class Arena:
    """Walls and motion: what client and server compute alike."""

    def __init__(self, walls: list[str], tick_rate: int) -> None:
        self.size = len(walls)
        if self.size not in (8, 16, 32) or any(len(row) != self.size or set(row) - set("#.") for row in walls):
            raise ProtocolError("the map is not a square of walls")
        self.walls = walls
        self.rates = RATES[tick_rate]
        self.across = WORLD_CELLS // self.size
        self.opened = bytearray(self.across**2)  # by tile; nothing is open until the server says so

    def map_id(self) -> int:
        rows = (sum(1 << x for x, cell in enumerate(row) if cell == "#") for row in self.walls)
        return digest([self.size, *rows])

    def open_tiles(self, count: int) -> None:
        if not 1 <= count <= self.across**2:
            raise ProtocolError(f"{count} open tiles")

        def opening_order(tile: int) -> tuple[int, int]:
            row, column = divmod(tile, self.across)
            return (2 * column + 1 - self.across) ** 2 + (2 * row + 1 - self.across) ** 2, tile

        self.opened = bytearray(self.across**2)
        for tile in sorted(range(self.across**2), key=opening_order)[:count]:
            self.opened[tile] = 1

    def is_wall(self, x: int, y: int) -> bool:
        column, row = x >> CELL_BITS, y >> CELL_BITS
        if not (0 <= column < WORLD_CELLS and 0 <= row < WORLD_CELLS):
            return True
        tile = row // self.size * self.across + column // self.size
        return not self.opened[tile] or self.walls[row % self.size][column % self.size] == "#"

    def fits(self, x: int, y: int) -> bool:
        return not any(self.is_wall(x + dx, y + dy) for dx in (-SHIP_RADIUS, SHIP_RADIUS) for dy in (-SHIP_RADIUS, SHIP_RADIUS))

    def target_velocity(self, thrust: int) -> tuple[int, int]:
        return vector((thrust - 1) * 64, self.rates.top) if thrust else (0, 0)

    def advance_ship(self, ship: Ship) -> None:
        ship.rail = None
        ship.timer, ship.dash, ship.reload = max(0, ship.timer - 1), max(0, ship.dash - 1), max(0, ship.reload - 1)
        if ship.hull == 0:
            return
        self.accelerate(ship)
        x, stopped = self.slide(ship.x, ship.x + divide(ship.vx, 16), lambda at: self.fits(at, ship.y))
        ship.x, ship.vx = x, 0 if stopped else ship.vx
        y, stopped = self.slide(ship.y, ship.y + divide(ship.vy, 16), lambda at: self.fits(ship.x, at))
        ship.y, ship.vy = y, 0 if stopped else ship.vy
        if ship.fire and ship.reload == 0:
            ship.reload, ship.shots, ship.timer = self.rates.reload, (ship.shots + 1) % SHOTS, 0

    def accelerate(self, ship: Ship) -> None:
        target = self.target_velocity(ship.thrust)
        dx, dy = target[0] - ship.vx, target[1] - ship.vy
        change = self.rates.thrust if ship.thrust else self.rates.brake
        distance = math.isqrt(dx * dx + dy * dy)
        if distance <= change:
            ship.vx, ship.vy = target
        else:
            ship.vx, ship.vy = ship.vx + divide(dx * change, distance), ship.vy + divide(dy * change, distance)

    @staticmethod
    def slide(start: int, to: int, fits: Callable[[int], bool]) -> tuple[int, bool]:
        """Moves along one axis; also tells whether a wall stopped it."""
        if fits(to):
            return to, False
        if to > start:
            beside = ((to + SHIP_RADIUS) >> CELL_BITS << CELL_BITS) - SHIP_RADIUS - 1
        else:
            beside = ((((to - SHIP_RADIUS) >> CELL_BITS) + 1) << CELL_BITS) + SHIP_RADIUS
        return (beside if fits(beside) else start), True

    def advance_bolt(self, bolt: Bolt) -> bool:
        """Tells whether the bolt is still there."""
        bolt.life = max(0, bolt.life - 1)
        if bolt.life == 0:
            return False
        vx, vy = vector(bolt.heading, self.rates.bolt)
        to_x, to_y = bolt.x + divide(vx, 16), bolt.y + divide(vy, 16)
        if self.is_wall(to_x, bolt.y):
            bolt.heading = (1_536 - bolt.heading) % 1_024
        else:
            bolt.x = to_x
        if self.is_wall(bolt.x, to_y):
            bolt.heading = (1_024 - bolt.heading) % 1_024
        else:
            bolt.y = to_y
        return True

    def has_just_fired(self, ship: Ship) -> bool:
        return ship.reload == self.rates.reload

    def bolt_of(self, ship_id: int, ship: Ship) -> tuple[int, Bolt]:
        dx, dy = vector(ship.aim, 1_024)
        x, y = ship.x + dx, ship.y + dy
        if self.is_wall(x, y):
            x, y = ship.x, ship.y
        return ship_id + 1 + (ship.shots + 6) % SHOTS, Bolt(x, y, ship.aim, self.rates.life)

    def advance_own(self, own: OwnState, ship: Ship) -> OwnState:
        energy, drained = own.energy, own.drained
        if self.has_just_fired(ship):
            energy = max(0, energy - 300)
            drained = energy < 300
        energy = min(ENERGY_MAX, energy + self.rates.energy)
        return OwnState(energy, drained and energy < 1_500, own.rank)

    def predict(self, ship: Ship, own: OwnState, held: Input) -> Ship:
        """The own ship after a tick on which `held` is applied (5.5)."""
        ship = replace(ship)
        if ship.hull > 0:
            ship.thrust, ship.aim, ship.fire = held.thrust, held.aim, held.fire and not own.drained
        self.advance_ship(ship)
        return ship


# --- Frames (4, 6) ----------------------------------------------------------------------------------------------------


class BitReader:
    """Takes numbers out of a row of bits, the lowest bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, bits: int, most: int | None = None) -> int:
        end = self.at + bits
        if end > 8 * len(self.data):
            raise FrameError("the frame is too short")
        around = int.from_bytes(self.data[self.at >> 3 : (end + 7) >> 3], "little")
        value = around >> (self.at & 7) & ((1 << bits) - 1)
        self.at = end
        if most is not None and value > most:
            raise FrameError(f"{value} where {most} is the most")
        return value

    def flag(self) -> bool:
        return self.take(1) == 1

    def signed(self, bits: int) -> int:
        value = self.take(bits)
        return value - (1 << bits) if value >> (bits - 1) else value

    def optional(self, bits: int) -> int:
        return self.take(bits) if self.flag() else 0

    def count(self) -> int:
        if not self.flag():
            return 0
        value = 0
        for shift in (0, 4, 8, 12):
            value |= self.take(4) << shift
            if not self.flag():
                return value + 1
        raise FrameError("a count of more than four groups")

    def finish(self) -> None:
        left = 8 * len(self.data) - self.at
        if left >= 8 or self.take(left) != 0:
            raise FrameError("the frame goes on after its last body")


Anchor: TypeAlias = tuple[int, int] | None


def read_position(bits: BitReader, anchor: Anchor, unwritten: int = 0) -> tuple[int, int]:
    """A position, relative to the anchor if there is one; the lowest `unwritten` bits are zeros and not written."""
    width = (22 if anchor is None else 17) - unwritten
    x, y = bits.take(width) << unwritten, bits.take(width) << unwritten
    if anchor is not None:
        # The one number in the 2^17 around the anchor's that ends in these 17 bits.
        lowest_x, lowest_y = anchor[0] - 65_536, anchor[1] - 65_536
        x, y = lowest_x + ((x - lowest_x) & 0x1FFFF), lowest_y + ((y - lowest_y) & 0x1FFFF)
    if not (0 <= x <= POSITION_MAX and 0 <= y <= POSITION_MAX):
        raise FrameError("a position outside of the world")
    return x, y


def read_controls(bits: BitReader) -> tuple[bool, int]:
    return bits.flag(), bits.take(4) + 1 if bits.flag() else 0


def read_aim(bits: BitReader, aim: int) -> int:
    return (aim + bits.signed(5)) % 1_024 if bits.flag() else bits.take(10)


def read_rail(bits: BitReader) -> int | None:
    return bits.take(14) if bits.flag() else None


def read_ship(bits: BitReader, anchor: Anchor, arena: Arena) -> Ship:
    ship = Ship(*read_position(bits, anchor))
    ship.fire, ship.thrust = read_controls(bits)
    ship.vx, ship.vy = arena.target_velocity(ship.thrust) if bits.flag() else (bits.signed(17), bits.signed(17))
    ship.aim = bits.take(10)
    ship.reload = bits.optional(5)
    ship.shots = bits.take(3, most=SHOTS - 1)
    ship.hull = HULL_MAX if bits.flag() else bits.take(7, most=HULL_MAX)
    ship.timer = bits.optional(7)
    ship.score = bits.take(6) if bits.flag() else bits.take(16)
    ship.dash = bits.optional(5)
    ship.rail = read_rail(bits)
    return ship


def read_delta(bits: BitReader, ship: Ship, before: Ship, arena: Arena) -> Ship:
    """The corrected ship (6.2); `before` is the ship before the tick, which may be used up."""
    if bits.flag():
        ship.aim = read_aim(bits, ship.aim)
        return ship
    if bits.flag():
        ship = replace(before)
        ship.fire, ship.thrust = read_controls(bits)
        arena.advance_ship(ship)
    if bits.flag():
        hull, timer = bits.take(7, most=HULL_MAX), bits.take(7)
        if hull == 0 and ship.hull != 0:
            ship.vx = ship.vy = ship.thrust = ship.reload = ship.dash = 0
            ship.fire, ship.rail = False, None
        ship.hull, ship.timer = hull, timer
    if bits.flag():
        ship.aim = read_aim(bits, ship.aim)
    if bits.flag():
        ship.score = bits.take(16)
    if bits.flag():
        read_rest_of_delta(bits, ship)
    return ship


def read_rest_of_delta(bits: BitReader, ship: Ship) -> None:
    if bits.flag():
        ship.x, ship.y = read_position(bits, None)
    if bits.flag():
        ship.vx, ship.vy = bits.signed(17), bits.signed(17)
    ship.fire, ship.thrust = read_controls(bits)
    ship.reload, ship.shots = bits.take(5), bits.take(3, most=SHOTS - 1)
    ship.dash = bits.optional(5)
    ship.rail = read_rail(bits)


@dataclass
class Counts:
    """How often the replica saw what."""

    bodies: int = 0
    view_checks: int = 0
    view_mismatches: int = 0
    entries: int = 0
    leaves: int = 0
    deltas: int = 0
    spawns: int = 0
    names: int = 0


class Replica:
    """What the client believes of the arena, kept in step with the server's record by its frames."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.counts = Counts()
        self.tick: int | None = None  # of the last body received, applied or not: this is what is acknowledged
        self.world_known = False
        self.needs_fresh = True  # until the first fresh frame, and again after an error
        self.forget()

    def forget(self) -> None:
        self.known: dict[int, Entity] = {}
        self.ship_names: dict[int, str] = {}
        self.names: list[str | None] = [None] * NAME_PLACES
        self.next_name = 0
        self.followed: int | None = None
        self.own: OwnState | None = None
        self.report: tuple[int, int] | None = None  # age, lead
        self.ships_before: dict[int, Ship] = {}
        self.own_before: OwnState | None = None

    def open_tiles(self, count: int) -> None:
        self.arena.open_tiles(count)
        self.world_known = True

    def apply(self, frame: bytes) -> Iterator[int]:
        """Applies a frame body by body, and gives the tick of each once it is done. After an error, or if a view's
        hash is wrong, `needs_fresh` stands and frames are only counted through until a fresh one comes."""
        bits = BitReader(frame)
        bodies, fresh, explicit = bits.take(4) + 1, bits.flag(), bits.flag()
        if bits.take(2) != 2:
            raise FrameError("this is no frame")
        first = bits.take(32) if explicit else None
        if not explicit and (fresh or self.tick is None):
            raise FrameError("a frame does not tell its tick")
        if first is not None and self.tick is not None and not fresh and not self.needs_fresh and first != self.tick + 1:
            raise FrameError("ticks do not follow one another")
        first = self.tick + 1 if first is None else first
        self.tick = first + bodies - 1
        if fresh:
            self.forget()
            self.needs_fresh = False
        for tick in range(first, first + bodies):
            if self.needs_fresh:
                return
            try:
                self.apply_body(bits)
            except FrameError:
                self.needs_fresh = True
                raise
            yield tick
        if not self.needs_fresh:
            bits.finish()

    def apply_body(self, bits: BitReader) -> None:
        self.own_before = self.own
        own_told = bits.flag() and self.read_private(bits)
        if not self.world_known:
            raise FrameError("a body before the number of open tiles is known")
        self.step()
        self.read_leaves(bits)
        self.read_deltas(bits)
        self.spawn_bolts()
        self.read_entries(bits)
        followed = self.known.get(self.followed) if self.followed is not None else None
        if not own_told and self.own is not None and isinstance(followed, Ship):
            self.own = self.arena.advance_own(self.own, followed)
        self.counts.bodies += 1
        if bits.flag():
            self.check_view(bits.take(32))

    def read_private(self, bits: BitReader) -> bool:
        """Tells whether the own state was told."""
        if bits.flag():
            self.open_tiles(bits.take(14) + 1)
        if bits.flag():
            self.followed = bits.take(16) if bits.flag() else None
        if bits.flag():
            self.report = bits.take(6), bits.signed(4)
        if not bits.flag():
            return False
        self.own = OwnState(bits.take(13, most=ENERGY_MAX), bits.flag(), bits.take(13))
        return True

    def step(self) -> None:
        self.ships_before = {}
        for entity_id, entity in sorted(self.known.items()):
            if isinstance(entity, Ship):
                self.ships_before[entity_id] = replace(entity)
                self.arena.advance_ship(entity)
            elif isinstance(entity, Bolt) and not self.arena.advance_bolt(entity):
                del self.known[entity_id]

    def read_leaves(self, bits: BitReader) -> None:
        if not (leaves := bits.count()):
            return
        listed = sorted(self.known)  # all places are those before anything left
        if leaves > len(listed):
            raise FrameError("more leaves than there are entities")
        width, last = (len(listed) - 1).bit_length(), -1
        for _ in range(leaves):
            place = bits.take(width, most=len(listed) - 1)
            if place <= last:
                raise FrameError("leaves are not in order")
            last = place
            del self.known[listed[place]]
            self.ship_names.pop(listed[place], None)
        self.counts.leaves += leaves

    def ships(self) -> list[tuple[int, Ship]]:
        return [(entity_id, entity) for entity_id, entity in sorted(self.known.items()) if isinstance(entity, Ship)]

    def read_deltas(self, bits: BitReader) -> None:
        for ship_id, ship in self.ships():
            if bits.flag():
                self.known[ship_id] = read_delta(bits, ship, self.ships_before[ship_id], self.arena)
                self.counts.deltas += 1

    def add(self, entity_id: int, entity: Entity) -> None:
        if entity_id in self.known:
            raise FrameError(f"the entity {entity_id} appeared twice")
        self.known[entity_id] = entity

    def spawn_bolts(self) -> None:
        for ship_id, ship in self.ships():
            if self.arena.has_just_fired(ship):
                self.add(*self.arena.bolt_of(ship_id, ship))
                self.counts.spawns += 1

    def read_entries(self, bits: BitReader) -> None:
        if not (entries := bits.count()):
            return
        followed = self.known.get(self.followed) if self.followed is not None else None
        anchor = (followed.x, followed.y) if followed is not None else None
        for _ in range(entries):
            entity_id = bits.take(16)
            if anchor is None and entity_id != self.followed:
                raise FrameError("an entry without an anchor")
            entity = self.read_entry(bits, entity_id, anchor)
            self.add(entity_id, entity)
            anchor = anchor or (entity.x, entity.y)
        self.counts.entries += entries

    def read_entry(self, bits: BitReader, entity_id: int, anchor: Anchor) -> Entity:
        if is_ship(entity_id):
            self.ship_names[entity_id] = self.read_name(bits)
            return read_ship(bits, anchor, self.arena)
        if entity_id < 4_096:
            return PickUp(*read_position(bits, anchor, unwritten=9), bits.take(2, most=2))
        return Bolt(*read_position(bits, anchor), bits.take(10), bits.take(7, most=self.arena.rates.life))

    def read_name(self, bits: BitReader) -> str:
        if bits.flag():
            if (name := self.names[bits.take(7)]) is None:
                raise FrameError("a name that was never told")
            return name
        try:
            name = bytes(bits.take(8) for _ in range(bits.take(6) + 1)).decode()
        except UnicodeDecodeError as error:
            raise FrameError("a name is not UTF-8") from error
        self.names[self.next_name] = name
        self.next_name = (self.next_name + 1) % NAME_PLACES
        self.counts.names += 1
        return name

    def check_view(self, told: int) -> None:
        self.counts.view_checks += 1
        if self.view_hash() != told:
            self.counts.view_mismatches += 1
            self.needs_fresh = True

    def view_hash(self) -> int:
        return digest(word for entity_id, entity in sorted(self.known.items()) for word in hash_words(entity_id, entity))


def hash_words(entity_id: int, entity: Entity) -> tuple[int, ...]:
    if isinstance(entity, PickUp):
        return entity_id, entity.x, entity.y, entity.kind
    if isinstance(entity, Bolt):
        return entity_id, entity.x, entity.y, entity.heading | entity.life << 16
    controls = entity.thrust | entity.fire << 8 | entity.aim << 16
    gun = entity.reload | entity.shots << 8 | entity.hull << 16 | entity.timer << 24
    motion = (entity.x, entity.y, entity.vx & U32_MAX, entity.vy & U32_MAX)
    rail = 0 if entity.rail is None else entity.rail + 1
    return entity_id, *motion, controls, gun, entity.score | entity.dash << 16, rail


# --- WebSocket --------------------------------------------------------------------------------------------------------


class WebSocket:
    """As much of RFC 6455 as a client needs that sends and takes whole binary messages."""

    CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10

    def __init__(self, host: str, port: int, path: str, protocol: str) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.fragments: bytearray | None = None
        self.close_code: int | None = None
        self.close_sent = False
        self.shake_hands(f"{host}:{port}", path, protocol)

    def shake_hands(self, host: str, path: str, protocol: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": protocol,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            received = self.socket.recv(4_096)
            if not received or len(self.buffer) > 16_384:
                raise HandshakeRefused("the answer to the handshake does not end")
            self.buffer += received
        status, *answer = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        given = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in answer)}
        if status.split(" ")[1:2] != ["101"]:
            raise HandshakeRefused(f"{status}, retry after {given.get('retry-after', 'no told time')}")
        expected = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        if given.get("sec-websocket-accept") != expected.decode() or given.get("sec-websocket-protocol") != protocol:
            raise HandshakeRefused("the answer to the handshake does not fit the question")

    def send(self, payload: bytes, opcode: int = BINARY) -> None:
        if self.close_sent:
            return
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
        self.close_sent = opcode == self.CLOSE
        try:
            self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)
        except OSError:
            self.ended()

    def ended(self) -> None:
        """The connection is gone; without a close frame that is the code 1006."""
        self.close_code = 1006 if self.close_code is None else self.close_code

    def receive(self, timeout: float) -> Iterator[bytes]:
        """Waits at most so many seconds and gives the messages that are complete."""
        if self.close_code is None and select.select([self.socket], [], [], max(0.0, timeout))[0]:
            try:
                received = self.socket.recv(65_536)
            except OSError:
                received = b""
            self.buffer += received
            if not received:
                self.ended()
        while (part := self.take_part()) is not None:
            if (message := self.handle_part(*part)) is not None:
                yield message

    def take_part(self) -> tuple[int, bool, bytes] | None:
        """The next WebSocket frame, if all of it is there: opcode, whether it is the last of its message, payload."""
        if len(self.buffer) < 2:
            return None
        first, second = self.buffer[0], self.buffer[1]
        if first & 0x70 or second & 0x80:
            raise WebSocketError("a reserved bit or a mask from the server")
        size, begin = second & 0x7F, 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            if len(self.buffer) < begin:
                return None
            size = int.from_bytes(self.buffer[2:begin], "big")
        if size > FRAME_BYTES_MAX:
            raise WebSocketError("a message that is too long")
        if len(self.buffer) < begin + size:
            return None
        payload = bytes(self.buffer[begin : begin + size])
        del self.buffer[: begin + size]
        return first & 0x0F, bool(first & 0x80), payload

    def handle_part(self, opcode: int, last: bool, payload: bytes) -> bytes | None:
        if opcode >= self.CLOSE:
            if not last or len(payload) > 125:
                raise WebSocketError("a control frame in parts or too long")
            self.handle_control(opcode, payload)
            return None
        if opcode not in (self.CONTINUATION, self.BINARY) or (opcode == self.BINARY) != (self.fragments is None):
            raise WebSocketError("a message that is not binary, or whose parts are mixed up")
        self.fragments = (self.fragments or bytearray()) + payload
        if len(self.fragments) > FRAME_BYTES_MAX:
            raise WebSocketError("a message that is too long")
        if not last:
            return None
        message, self.fragments = bytes(self.fragments), None
        return message

    def handle_control(self, opcode: int, payload: bytes) -> None:
        if opcode == self.PING:
            self.send(payload, self.PONG)
        elif opcode == self.CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.send(payload[:2], self.CLOSE)
        elif opcode != self.PONG:
            raise WebSocketError("a control frame of an unknown kind")


# --- Playing ----------------------------------------------------------------------------------------------------------


def now_us() -> int:
    return time.monotonic_ns() // 1_000


class ServerClock:
    """The server's time, in microseconds since its tick 0, from the quickest of the last pings (3)."""

    def __init__(self, tick_rate: int, tick: int) -> None:
        self.tick_rate = tick_rate
        self.samples: deque[tuple[int, int]] = deque(maxlen=16)  # round trip, server's clock - ours
        self.round_trip, self.offset = 0, tick * 1_000_000 // tick_rate - now_us()

    def add(self, pong: Pong) -> None:
        now = now_us()
        round_trip = max(0, now - pong.stamp - pong.hold_us)
        then = pong.tick * 1_000_000 // self.tick_rate + pong.phase_us + round_trip // 2
        self.samples.append((round_trip, then - now))
        self.round_trip, self.offset = min(self.samples)

    def next_stamp(self, margin_us: int) -> int:
        """The first tick for which a message sent now arrives with that much time left."""
        arrival = now_us() + self.offset + self.round_trip // 2 + margin_us
        return arrival * self.tick_rate // 1_000_000 + 1


class Pilot:
    """Chases the nearest ship, circles it and fires; turns away at random when a wall stops it."""

    def __init__(self) -> None:
        self.chance = random.Random()
        self.wander_until, self.wander = 0, 0

    def decide(self, own: Ship | None, others: list[Ship], tick: int) -> Input:
        if own is None or own.hull == 0:
            return Input()
        if tick > self.wander_until + 10 and own.vx == 0 and own.vy == 0:
            self.wander_until, self.wander = tick + 15, self.chance.randrange(16)
        targets = [(math.hypot(ship.x - own.x, ship.y - own.y), ship) for ship in others if ship.hull > 0]
        if not targets:
            return Input(thrust=1 + (self.wander + tick // 60) % 16)
        distance, target = min(targets, key=lambda pair: pair[0])
        aim = round(math.atan2(target.y - own.y, target.x - own.x) * 512 / math.pi) % 1_024
        course = (aim if distance > 250 * 64 else aim + 256) // 64 % 16
        return Input(1 + (self.wander if tick < self.wander_until else course), aim, distance < 600 * 64)


@dataclass
class Result:
    """What main prints, beside the replica's counts."""

    joined: bool = False
    errors: int = 0
    pongs: int = 0
    news: int = 0
    unexplained_corrections: int = 0
    moved_quanta: float = 0.0
    close_code: int | None = None
    complaints: list[str] = field(default_factory=list)


class Client:
    """One connection: says hello, plays for some seconds, says goodbye."""

    def __init__(self, url: str, name: str, spectator: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme != "ws" or parts.hostname is None:
            raise ValueError("the address has to look like ws://host:port/ws")
        host, port = parts.hostname, parts.port or 80
        self.map = fetch_map(host, port)
        self.socket = WebSocket(host, port, parts.path or "/", "fracas.1")
        self.socket.send(pack_hello(name, role=int(spectator), aspect=2))
        self.result = Result()
        self.spectator = spectator
        self.welcome: Welcome | None = None
        self.replica: Replica | None = None
        self.clock: ServerClock | None = None
        self.pilot = Pilot()
        self.inputs: dict[int, Input] = {}  # by the tick they are stamped with
        self.last_stamp = self.next_ping = self.next_fresh = 0
        self.margin_us = 0

    def run(self, seconds: float) -> Result:
        self.listen_until(now_us() + 5_000_000, lambda: self.welcome is not None)
        if self.welcome is not None:
            self.listen_until(now_us() + int(seconds * 1_000_000), self.play)
        self.socket.send(GOODBYE)
        self.listen_until(now_us() + 5_000_000, lambda: False)
        self.result.close_code = self.socket.close_code
        return self.result

    def listen_until(self, end_us: int, done: Callable[[], bool]) -> None:
        """Handles what comes until the time is over, the connection is closed, or `done` (asked often) says so."""
        while self.socket.close_code is None and now_us() < end_us and not done():
            try:
                for message in self.socket.receive(0.002):
                    self.handle(message)
            except WebSocketError as error:
                self.complain(error)
                self.socket.send(struct.pack(">H", 1_002), WebSocket.CLOSE)
                self.socket.ended()

    def complain(self, error: ProtocolError) -> None:
        self.result.errors += 1
        self.result.complaints.append(f"{type(error).__name__}: {error}")

    def handle(self, message: bytes) -> None:
        try:
            if not message:
                raise MessageError("an empty message")
            if message[0] >= 128:
                self.handle_frame(message)
            elif len(message) > CONTROL_BYTES_MAX:
                raise MessageError("a control message that is too long")
            else:
                self.handle_message(decode_message(message))
        except ProtocolError as error:
            self.complain(error)

    def handle_message(self, message: ServerMessage) -> None:
        if isinstance(message, Welcome):
            self.join(message)
        elif isinstance(message, Pong) and self.clock is not None:
            self.clock.add(message)
            self.result.pongs += 1
        elif isinstance(message, News):
            self.result.news += 1

    def join(self, welcome: Welcome) -> None:
        if (welcome.own is None) != self.spectator:
            raise MessageError("the welcome does not fit the role")
        arena = Arena(self.map["walls"], welcome.tick_rate)
        if not arena.map_id() == welcome.map == int(self.map["id"], 16):
            raise MessageError("the map is not the one that its id says")
        self.replica = Replica(arena)
        self.replica.open_tiles(welcome.world)
        self.clock = ServerClock(welcome.tick_rate, welcome.tick)
        self.margin_us = 500_000 // welcome.tick_rate
        self.welcome = welcome
        self.result.joined = True

    def handle_frame(self, frame: bytes) -> None:
        if self.replica is None:
            raise FrameError("a frame before the welcome")
        for tick in self.replica.apply(frame):
            self.compare_prediction(tick)

    def own_ship(self) -> Ship | None:
        known = self.replica.known.get(self.welcome.own) if self.welcome and self.welcome.own is not None else None
        return known if isinstance(known, Ship) else None

    def compare_prediction(self, tick: int) -> None:
        """Counts where the record of the own ship is not what its input, applied in time, makes of it (5.5)."""
        ship, held = self.own_ship(), self.inputs.get(tick)
        before = self.replica.ships_before.get(self.welcome.own)
        if ship is None or before is None:
            return
        if ship.hull > 0 and before.hull > 0:
            self.result.moved_quanta += math.hypot(ship.x - before.x, ship.y - before.y)
        in_time = self.replica.report is not None and self.replica.report[0] == 0
        if held is None or not in_time or self.replica.own_before is None:
            return
        # Hits, pick-ups and kills are the server's to know; they show in the hull or the score.
        if (ship.hull, ship.score) == (before.hull, before.score):
            predicted = self.replica.arena.predict(before, self.replica.own_before, held)
            if predicted != ship:
                self.result.unexplained_corrections += 1
                self.result.complaints.append(f"tick {tick}: predicted {predicted}, got {ship}")

    def play(self) -> bool:
        """Sends what is due. Never done by itself."""
        if self.replica is None or self.clock is None or self.replica.tick is None:
            return False
        now = now_us()
        if (stamp := self.clock.next_stamp(self.margin_us)) > self.last_stamp:
            self.last_stamp = stamp
            self.send_tick(stamp)
        if now >= self.next_ping:
            self.socket.send(pack_ping(now))
            # At odd times, so that one of them arrives just before the server reads.
            self.next_ping = now + random.randrange(150_000, 350_000)
        if self.replica.needs_fresh and now >= self.next_fresh:
            self.socket.send(FRESH_START)
            self.next_fresh = now + 1_100_000
        return False

    def send_tick(self, stamp: int) -> None:
        if self.spectator:
            self.socket.send(pack_ack(self.replica.tick))
            return
        if self.replica.report is not None and self.replica.report[1] < 0:
            self.margin_us = min(self.margin_us + 1_000, 200_000)
        others = [ship for ship_id, ship in self.replica.ships() if ship_id != self.welcome.own]
        self.inputs[stamp] = self.pilot.decide(self.own_ship(), others, stamp)
        self.inputs.pop(stamp - 256, None)
        self.socket.send(pack_inputs(self.replica.tick, stamp, self.inputs[stamp]))


def fetch_map(host: str, port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", "/map")
        answer = connection.getresponse()
        if answer.status != 200:
            raise ProtocolError(f"/map was answered with {answer.status}")
        return json.loads(answer.read())
    finally:
        connection.close()


def play(url: str, name: str, seconds: float, spectator: bool) -> bool:
    client = Client(url, name, spectator)
    result = client.run(seconds)
    counts = client.replica.counts if client.replica is not None else Counts()
    printed = {"joined": result.joined, **asdict(counts), **asdict(result)}
    printed["moved_units"] = round(printed.pop("moved_quanta") / 64)
    for complaint in printed.pop("complaints")[:20]:
        print(complaint, file=sys.stderr)
    print(json.dumps(printed))
    happened = min(counts.entries, counts.leaves, counts.deltas, counts.spawns) > 0
    right = counts.view_mismatches == 0 and result.errors == 0 and counts.view_checks >= 0.8 * seconds
    return result.joined and happened and right and result.close_code == 1_000


# --- The vectors ------------------------------------------------------------------------------------------------------


def encode_vector(message: Any) -> bytes:
    """The bytes of a client's message that is given as the vectors' JSON."""
    if isinstance(message, str):
        return {"FreshStart": FRESH_START, "Goodbye": GOODBYE}[message]
    ((kind, content),) = message.items()
    if kind == "Hello":
        role = ["Player", "Spectator"].index(content["role"])
        aspect = ["Tall", "Square", "Wide", "Ultrawide"].index(content["aspect"])
        token = None if content["token"] is None else bytes(content["token"])
        return pack_hello(content["name"], role, aspect, token, content["room"])
    if kind == "Inputs":
        return pack_inputs(content["ack"], content["tick"], Input(**content["input"]))
    return pack_ack(content) if kind == "Ack" else pack_ping(content["stamp"])


def as_vector(message: ServerMessage) -> Any:
    if isinstance(message, News):
        return {"News": {message.kind: message.content}}
    fields = asdict(message)
    if isinstance(message, Welcome):
        fields["token"] = list(message.token)
    return {type(message).__name__: fields}


def check_session(session: dict[str, Any]) -> list[str]:
    """Applies the frames in order; gives what differs."""
    arena = Arena(session["map"]["walls"], session["tick_hz"])
    replica, wrong = Replica(arena), []
    if arena.map_id() != int(session["map"]["id"], 16):
        wrong.append("the map's id")
    for frame in session["frames"]:
        try:
            ticks = list(replica.apply(bytes.fromhex(frame["hex"])))
        except ProtocolError as error:
            wrong.append(f"tick {frame['tick']}: {error}")
            continue
        if (ticks, len(replica.known), replica.view_hash()) != ([frame["tick"]], frame["known"], frame["hash"]):
            wrong.append(f"tick {frame['tick']}: {ticks}, {len(replica.known)} known, hash {replica.view_hash()}")
    return wrong + (["a view's hash"] if replica.counts.view_mismatches else [])


def check_vectors(folder: Path) -> bool:
    load = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("client_messages", "server_messages", "session")}
    wrong = [f"client: {case}" for case in load["client_messages"] if encode_vector(case["message"]).hex() != case["hex"]]
    for case in load["server_messages"]:
        try:
            if (decoded := as_vector(decode_message(bytes.fromhex(case["hex"])))) != case["message"]:
                wrong.append(f"server: {decoded} instead of {case['message']}")
        except ProtocolError as error:
            wrong.append(f"server: {error} in {case['hex']}")
    wrong += check_session(load["session"])
    print(json.dumps({**{name: len(cases) for name, cases in load.items()}, "frames": len(load["session"]["frames"]), "wrong": wrong}))
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="play on this server, such as ws://127.0.0.1:8080/ws")
    what.add_argument("--vectors", type=Path, help="check the vectors in this folder")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--name", default="Python")
    parser.add_argument("--role", choices=["player", "spectator"], default="player")
    given = parser.parse_args()
    if given.vectors is not None:
        right = check_vectors(given.vectors)
    else:
        right = play(given.url, given.name, given.seconds, given.role == "spectator")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
