"""A foreign client of the Fracas protocol, written from PROTOCOL.md alone and with the standard library only.

It joins a server and plays (--url), or tries itself on the protocol's vectors (--vectors); "(A7.2)" names a section.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

U32_MAX, POSITION_MAX, WORLD_CELLS = 2**32 - 1, 2**22 - 1, 1_024
FRAME_BYTES_MAX, CONTROL_BYTES_MAX = 131_072, 8_192
SHIP_RADIUS, SHOTS, HULL_MAX, ENERGY_MAX, NAME_PLACES = 768, 7, 100, 6_000, 128


class ProtocolError(Exception):
    """What came is not what the protocol says."""


class MessageError(ProtocolError):
    """A control message could not be decoded, or means nothing here."""


class FrameError(ProtocolError):
    """A frame could not be decoded or applied."""


class WebSocketError(ProtocolError):
    """The handshake was refused, or the WebSocket's own rules were broken."""


@dataclass
class Tally:
    """What happened; printed at the end."""

    joined: bool = False
    bodies: int = 0
    view_checks: int = 0
    view_mismatches: int = 0
    errors: int = 0
    entries: int = 0
    leaves: int = 0
    deltas: int = 0
    spawns: int = 0
    names: int = 0
    pongs: int = 0
    news: int = 0
    unexplained_corrections: int = 0
    moved_units: float = 0
    close_code: int | None = None

    def complain(self, error: Exception) -> None:
        self.errors += 1
        print(f"{type(error).__name__}: {error}", file=sys.stderr)


# --- Control messages (A4) --------------------------------------------------------------------------------------------

# The tables of section A4, with the names of the vectors. A variant's table is {name: (number, fields)}.
NUMBERS = {"u16": 2**16 - 1, "u32": U32_MAX, "u64": 2**64 - 1}
RAIL = {"aim": "u16", "view": ("both", "u32", "u8")}
INPUT = {"thrust": "u8", "aim": "u16", "fire": "bool", "dash": "bool", "rail": ("option", RAIL)}
ROLES, ASPECTS = ("choice", "Player", "Spectator"), ("choice", "Tall", "Square", "Wide", "Ultrawide")
HELLO = {"version": "u16", "name": "text", "token": ("option", "16 bytes"), "room": "text", "role": ROLES,
         "aspect": ASPECTS}  # fmt: skip
LIMITS = {"message_bytes_max": "u16", "frame_bytes_max": "u32", "visible_max": "u16", "inputs_ahead_max": "u8",
          "silence_max_ms": "u16"}  # fmt: skip
CLOCK = {"hold_us": "u32", "tick": "u32", "phase_us": "u32"}
WELCOME = {"tick_rate": "u8", "clock": CLOCK, "own": ("option", "u16"), "token": "16 bytes", "resumed": "bool",
           "data": "u32", "world": "u16", "limits": LIMITS}  # fmt: skip
LEADERBOARD = {"players": "u16", "rows": ("list", {"name": "text", "score": "u16"})}
KILL_FEED = {"kills": ("list", {"killer": "text", "victim": "text"}), "more": "u16"}
NEWS = {"Leaderboard": (0, LEADERBOARD), "KillFeed": (1, KILL_FEED), "Density": (2, ("list", "u8")),
        "Destroyed": (3, {"by": "text"}), "Rail": (4, {"tick": "u32", "hit": ("option", "u16")})}  # fmt: skip
PONG = {"stamp": "u64", "clock": CLOCK, "work_us": "u32"}
CLIENT_MESSAGE = ("variant", {
    "Hello": (0, HELLO), "Inputs": (1, {"ack": "u32", "tick": "u32", "input": INPUT}), "Ack": (2, "u32"),
    "Ping": (3, {"stamp": "u64"}), "FreshStart": (4, None), "Goodbye": (5, None), "Hide": (6, None),
    "Show": (7, None)})  # fmt: skip
SERVER_MESSAGE = ("variant", {
    "Welcome": (0, WELCOME), "Pong": (1, PONG), "News": (2, ("variant", NEWS)),
    "Goodbye": (3, {"code": "u16", "retry_after_ms": "u32"})})  # fmt: skip


def encode_number(value: int) -> bytes:
    """u16, u32 and u64 are written alike, as the shortest form that holds the value."""
    if value <= 250:
        return bytes([value])
    marker, width = next((marker, width) for marker, width in ((251, 2), (252, 4), (253, 8)) if value < 256**width)
    return bytes([marker]) + value.to_bytes(width, "little")


def encode(kind: Any, value: Any) -> bytes:
    match kind:
        case "u8" | "bool":
            return bytes([value])
        case "u16" | "u32" | "u64":
            return encode_number(value)
        case "text":
            data: bytes = value.encode()
            return encode_number(len(data)) + data
        case "16 bytes":
            return bytes(value)
        case "option", some:
            return b"\0" if value is None else b"\1" + encode(some, value)
        case "both", *kinds:
            return b"".join(encode(part_kind, part) for part_kind, part in zip(kinds, value, strict=True))
        case "choice", *names:
            return bytes([list(names).index(value)])
        case "variant", table:
            ((name, content),) = value.items() if isinstance(value, dict) else [(value, None)]
            number, content_kind = table[name]
            return bytes([number]) + (b"" if content_kind is None else encode(content_kind, content))
        case dict():
            return b"".join(encode(field_kind, value[name]) for name, field_kind in kind.items())
    raise TypeError(f"nothing of the kind {kind} is sent")


class ByteReader:
    """Takes the fields of a control message one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise MessageError("the message is too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, most: int) -> int:
        first = self.take(1)[0]
        if first > 253:
            raise MessageError(f"{first} begins no number")
        value = first if first <= 250 else int.from_bytes(self.take(2 ** (first - 250)), "little")
        if value > most or (first > 250 and encode_number(value)[0] != first):
            raise MessageError(f"the number {value} is out of range or not in its shortest form")
        return value

    def small(self, most: int) -> int:
        if (value := self.take(1)[0]) > most:
            raise MessageError(f"{value} where {most} is the most")
        return value

    def read(self, kind: Any) -> Any:
        match kind:
            case "u8":
                return self.small(255)
            case "bool":
                return self.small(1) == 1
            case "u16" | "u32" | "u64":
                return self.number(NUMBERS[kind])
            case "text":
                try:
                    return self.take(self.number(NUMBERS["u64"])).decode()
                except UnicodeDecodeError as error:
                    raise MessageError("a text is not UTF-8") from error
            case "16 bytes":
                return list(self.take(16))
            case "option", some:
                return self.read(some) if self.small(1) else None
            case "list", item:
                return [self.read(item) for _ in range(self.number(len(self.data)))]  # an item has a byte at least
            case "variant", table:
                number = self.small(255)
                for name, (own_number, content) in table.items():
                    if number == own_number:
                        return {name: self.read(content)}
            case dict():
                return {name: self.read(field_kind) for name, field_kind in kind.items()}
        raise MessageError(f"nothing that is known ({kind})")


def decode_message(message: bytes) -> dict[str, Any]:
    """A control message from the server, as {name: fields}."""
    if len(message) > CONTROL_BYTES_MAX:
        raise MessageError("the message is too long")
    reader = ByteReader(message)
    decoded: dict[str, Any] = reader.read(SERVER_MESSAGE)
    if reader.at != len(message):
        raise MessageError("the message goes on after its last field")
    return decoded


# --- The arena's shared step (B) --------------------------------------------------------------------------------------


class Rates(NamedTuple):
    """What depends on the tick rate."""

    top: int
    thrust: int
    brake: int
    bolt: int
    life: int
    reload: int
    energy: int
    dash: int
    dashing: int
    dash_pause: int
    rail_pause: int


RATES = {
    20: Rates(14_336, 2_392, 1_026, 32_768, 20, 6, 30, 32_768, 4, 60, 20),
    30: Rates(9_557, 1_064, 458, 21_845, 30, 9, 20, 21_845, 6, 90, 30),
    60: Rates(4_779, 268, 116, 10_923, 60, 18, 10, 10_923, 12, 180, 60),
}
SINES = [round(16_384 * math.sin(2 * math.pi * heading / 1_024)) for heading in range(1_024)]


@dataclass(slots=True)
class Ship:
    x: int
    y: int
    vx: int = 0
    vy: int = 0
    fire: bool = False
    thrust: int = 0
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


class Acts(NamedTuple):
    """What a ship does once, on one tick."""

    dash: bool = False
    rail: int | None = None


class OwnState(NamedTuple):
    energy: int
    drained: bool
    dash_pause: int
    rail_pause: int
    rank: int


Entity: TypeAlias = Ship | Bolt | PickUp
NO_ACTS = Acts()


def divide(number: int, by: int) -> int:
    """Rounds toward zero, where Python's own `//` rounds down. `by` is positive."""
    return number // by if number >= 0 else -(-number // by)


def vector(heading: int, length: int) -> tuple[int, int]:
    return divide(length * SINES[(heading + 256) % 1_024], 16_384), divide(length * SINES[heading], 16_384)


def digest(words: Iterable[int]) -> int:
    """The hash of lists and maps (A8)."""
    value = 0x46524143
    for word in words:
        value = ((value ^ word) * 0x9E3779B1) & U32_MAX
        value ^= value >> 15
    return value


class Arena:
    """Walls and motion: what both ends compute alike."""

    def __init__(self, walls: list[str], tick_rate: int) -> None:
        self.walls, self.size = walls, len(walls)
        if self.size not in (8, 16, 32) or any(len(row) != self.size or set(row) - set("#.") for row in walls):
            raise ProtocolError("the map is no square of walls")
        if tick_rate not in RATES:
            raise ProtocolError(f"a tick rate of {tick_rate}")
        self.rates = RATES[tick_rate]
        self.across = WORLD_CELLS // self.size
        self.opened: set[int] = set()

    def open_tiles(self, count: int) -> None:
        if not 1 <= count <= self.across**2:
            raise ProtocolError(f"{count} open tiles")

        def opening_order(tile: int) -> tuple[int, int]:
            row, column = divmod(tile, self.across)
            return (2 * column + 1 - self.across) ** 2 + (2 * row + 1 - self.across) ** 2, tile

        self.opened = set(sorted(range(self.across**2), key=opening_order)[:count])

    def is_wall(self, x: int, y: int) -> bool:
        column, row = x >> 12, y >> 12
        if not (0 <= column < WORLD_CELLS and 0 <= row < WORLD_CELLS):
            return True
        closed = row // self.size * self.across + column // self.size not in self.opened
        return closed or self.walls[row % self.size][column % self.size] == "#"

    def fits(self, x: int, y: int) -> bool:
        sides = (-SHIP_RADIUS, SHIP_RADIUS)
        return not any(self.is_wall(x + dx, y + dy) for dx in sides for dy in sides)

    def target_velocity(self, thrust: int) -> tuple[int, int]:
        return vector((thrust - 1) * 64, self.rates.top) if thrust else (0, 0)

    def advance_ship(self, ship: Ship, acts: Acts = NO_ACTS) -> None:
        was_dashing = ship.dash > 0
        ship.rail = None
        ship.timer, ship.dash, ship.reload = max(0, ship.timer - 1), max(0, ship.dash - 1), max(0, ship.reload - 1)
        if ship.hull == 0:
            return
        if acts.dash and ship.thrust:
            ship.dash = self.rates.dashing
            ship.vx, ship.vy = vector((ship.thrust - 1) * 64, self.rates.dash)
        elif ship.dash == 0:
            if was_dashing:
                ship.vx = divide(ship.vx * self.rates.top, self.rates.dash)
                ship.vy = divide(ship.vy * self.rates.top, self.rates.dash)
            self.accelerate(ship)
        ship.x, ship.vx = self.slide(ship.x, ship.vx, lambda x: self.fits(x, ship.y))
        ship.y, ship.vy = self.slide(ship.y, ship.vy, lambda y: self.fits(ship.x, y))
        if ship.fire and ship.reload == 0:
            ship.reload, ship.shots, ship.timer = self.rates.reload, (ship.shots + 1) % SHOTS, 0
        if acts.rail is not None:
            ship.rail, ship.timer = acts.rail, 0

    def accelerate(self, ship: Ship) -> None:
        target = self.target_velocity(ship.thrust)
        change = self.rates.thrust if ship.thrust else self.rates.brake
        dx, dy = target[0] - ship.vx, target[1] - ship.vy
        distance = math.isqrt(dx * dx + dy * dy)
        if distance <= change:
            ship.vx, ship.vy = target
        else:
            ship.vx, ship.vy = ship.vx + divide(dx * change, distance), ship.vy + divide(dy * change, distance)

    @staticmethod
    def slide(start: int, speed: int, fits: Callable[[int], bool]) -> tuple[int, int]:
        """Position and speed along one axis after the tick; a wall stops the ship and lets it touch."""
        to = start + divide(speed, 16)
        if fits(to):
            return to, speed
        if to > start:
            touching = ((to + SHIP_RADIUS) >> 12 << 12) - SHIP_RADIUS - 1
        else:
            touching = (((to - SHIP_RADIUS) >> 12) + 1 << 12) + SHIP_RADIUS
        return touching if fits(touching) else start, 0

    def advance_bolt(self, bolt: Bolt) -> None:
        bolt.life = max(0, bolt.life - 1)
        if bolt.life == 0:
            return
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

    def has_just_fired(self, ship: Ship) -> bool:
        return ship.reload == self.rates.reload

    def bolt_of(self, ship_id: int, ship: Ship) -> tuple[int, Bolt]:
        dx, dy = vector(ship.aim, 1_024)
        x, y = (ship.x, ship.y) if self.is_wall(ship.x + dx, ship.y + dy) else (ship.x + dx, ship.y + dy)
        return ship_id + 1 + (ship.shots + 6) % SHOTS, Bolt(x, y, ship.aim, self.rates.life)

    def advance_own(self, own: OwnState, ship: Ship) -> OwnState:
        dash_pause = self.rates.dash_pause if ship.dash == self.rates.dashing else max(0, own.dash_pause - 1)
        rail_pause = self.rates.rail_pause if ship.rail is not None else max(0, own.rail_pause - 1)
        energy, drained = own.energy, own.drained
        price = 300 * self.has_just_fired(ship) + 2_700 * (ship.rail is not None)
        if price > 0:
            energy = max(0, energy - price)
            drained = drained or energy < 300
        energy = min(ENERGY_MAX, energy + self.rates.energy)
        return OwnState(energy, drained and energy < 1_500, dash_pause, rail_pause, own.rank)

    def predict(self, ship: Ship, own: OwnState, held: dict[str, Any]) -> Ship:
        """The own ship after a tick on which the input `held` is applied (B6)."""
        ship, acts = replace(ship), NO_ACTS
        if ship.hull > 0:
            ship.thrust, ship.aim, ship.fire = held["thrust"], held["aim"], held["fire"] and not own.drained
            dash = held["dash"] and held["thrust"] != 0 and own.dash_pause <= 1
            may_fire_rail = held["rail"] is not None and own.rail_pause <= 1 and own.energy >= 2_700
            acts = Acts(dash, held["rail"]["aim"] if may_fire_rail else None)
        self.advance_ship(ship, acts)
        return ship


# --- Frames (A7, B9) --------------------------------------------------------------------------------------------------

Anchor: TypeAlias = tuple[int, int] | None


class BitReader:
    """Takes numbers, and what is made of them, out of a frame; the lowest bit of each byte comes first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, bits: int, most: int | None = None) -> int:
        begin, self.at = self.at, self.at + bits
        if self.at > 8 * len(self.data):
            raise FrameError("the frame is too short")
        around = int.from_bytes(self.data[begin >> 3 : (self.at + 7) >> 3], "little")
        value = around >> (begin & 7) & ((1 << bits) - 1)
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
        less_one = 0
        for shift in (0, 4, 8, 12):
            less_one |= self.take(4) << shift
            if not self.flag():
                return less_one + 1
        raise FrameError("a count of more than four groups")

    def position(self, anchor: Anchor, unwritten: int = 0) -> tuple[int, int]:
        """Relative to the anchor if there is one; the lowest `unwritten` bits are zeros and not there."""
        width = (22 if anchor is None else 17) - unwritten
        x, y = self.take(width) << unwritten, self.take(width) << unwritten
        if anchor is not None:
            # Of the 2^17 numbers around the anchor's, the one that ends in these bits.
            lowest_x, lowest_y = anchor[0] - 65_536, anchor[1] - 65_536
            x, y = lowest_x + ((x - lowest_x) & 0x1FFFF), lowest_y + ((y - lowest_y) & 0x1FFFF)
        if not (0 <= x <= POSITION_MAX and 0 <= y <= POSITION_MAX):
            raise FrameError("a position outside of the world")
        return x, y

    def velocity(self) -> tuple[int, int]:
        return self.signed(17), self.signed(17)

    def controls(self) -> tuple[bool, int]:
        return self.flag(), self.take(4) + 1 if self.flag() else 0

    def aim(self, aim: int) -> int:
        return (aim + self.signed(5)) % 1_024 if self.flag() else self.take(10)

    def acts(self) -> Acts:
        return Acts(self.flag(), self.take(14) if self.flag() else None) if self.flag() else NO_ACTS

    def dash_and_rail(self) -> tuple[int, int | None]:
        return self.optional(5), self.take(14) if self.flag() else None

    def utf8(self) -> str:
        try:
            return bytes(self.take(8) for _ in range(self.take(6) + 1)).decode()
        except UnicodeDecodeError as error:
            raise FrameError("a name is not UTF-8") from error

    def finish(self) -> None:
        left = 8 * len(self.data) - self.at
        if left >= 8 or self.take(left) != 0:
            raise FrameError("the frame goes on after its last body")


def read_ship(bits: BitReader, anchor: Anchor, arena: Arena) -> Ship:
    ship = Ship(*bits.position(anchor))
    ship.fire, ship.thrust = bits.controls()
    ship.vx, ship.vy = arena.target_velocity(ship.thrust) if bits.flag() else bits.velocity()
    ship.aim, ship.reload, ship.shots = bits.take(10), bits.optional(5), bits.take(3, most=SHOTS - 1)
    ship.hull = HULL_MAX if bits.flag() else bits.take(7, most=HULL_MAX)
    ship.timer = bits.optional(7)
    ship.score = bits.take(6 if bits.flag() else 16)
    ship.dash, ship.rail = bits.dash_and_rail()
    return ship


def read_delta(bits: BitReader, ship: Ship, before: Ship, arena: Arena) -> Ship:
    """The ship with its delta (B9.3); `before` is the ship as it was before the tick."""
    if bits.flag():
        ship.aim = bits.aim(ship.aim)
        return ship
    if bits.flag():
        ship = replace(before)
        ship.fire, ship.thrust = bits.controls()
        arena.advance_ship(ship, bits.acts())
    if bits.flag():
        hull, timer = bits.take(7, most=HULL_MAX), bits.take(7)
        if hull == 0 and ship.hull != 0:
            ship.vx = ship.vy = ship.thrust = ship.reload = ship.dash = 0
            ship.fire, ship.rail = False, None
        ship.hull, ship.timer = hull, timer
    if bits.flag():
        ship.aim = bits.aim(ship.aim)
    if bits.flag():
        ship.score = bits.take(16)
    if bits.flag():
        if bits.flag():
            ship.x, ship.y = bits.position(None)
        if bits.flag():
            ship.vx, ship.vy = bits.velocity()
        ship.fire, ship.thrust = bits.controls()
        ship.reload, ship.shots = bits.take(5), bits.take(3, most=SHOTS - 1)
        ship.dash, ship.rail = bits.dash_and_rail()
    return ship


def hash_words(entity_id: int, entity: Entity) -> tuple[int, ...]:
    if isinstance(entity, PickUp):
        return entity_id, entity.x, entity.y, entity.kind
    if isinstance(entity, Bolt):
        return entity_id, entity.x, entity.y, entity.heading | entity.life << 16
    controls = entity.thrust | entity.fire << 8 | entity.aim << 16
    gun_and_hull = entity.reload | entity.shots << 8 | entity.hull << 16 | entity.timer << 24
    motion = (entity.x, entity.y, entity.vx & U32_MAX, entity.vy & U32_MAX)
    rail = 0 if entity.rail is None else entity.rail + 1
    return entity_id, *motion, controls, gun_and_hull, entity.score | entity.dash << 16, rail


class Replica:
    """What the client knows of the arena: the same as the server's record of it, if both ends are right."""

    def __init__(self, arena: Arena, tally: Tally) -> None:
        self.arena, self.tally = arena, tally
        self.tick: int | None = None  # of the last body received, applied or not: this is what is acknowledged
        self.needs_fresh = True  # until the first fresh frame, and from an error to the next one
        self.forget()

    def forget(self) -> None:
        self.known: dict[int, Entity] = {}
        self.ships_before: dict[int, Ship] = {}
        self.names: dict[int, str] = {}
        self.shown_names: dict[int, str] = {}  # by ship
        self.names_taken = 0
        self.followed: int | None = None
        self.own: OwnState | None = None
        self.own_before: OwnState | None = None
        self.age, self.lead = 0, 0  # until the body tells it

    def apply(self, frame: bytes) -> Iterator[int]:
        """Applies the bodies one by one and gives the tick of each; only counts them while a fresh frame is needed."""
        bits = BitReader(frame)
        bodies, fresh, explicit = bits.take(4) + 1, bits.flag(), bits.flag()
        if bits.take(2) != 0b10 or (fresh and not explicit):
            raise FrameError("this is no frame")
        following = None if self.tick is None else self.tick + 1
        first = bits.take(32) if explicit else following
        self.tick = None if first is None else first + bodies - 1
        if fresh:
            self.forget()
            self.needs_fresh = False
        elif not self.needs_fresh and (following is None or first < following):
            # A later one means that the server skipped ticks: one step is made all the same.
            raise FrameError("the ticks go back")
        if self.needs_fresh or first is None:
            return
        for tick in range(first, first + bodies):
            self.apply_body(bits)
            yield tick
            if self.needs_fresh:
                return
        bits.finish()

    def apply_body(self, bits: BitReader) -> None:
        self.own_before = self.own
        own_told = bits.flag() and self.read_private(bits)
        self.step()
        self.read_leaves(bits)
        self.read_deltas(bits)
        self.spawn_bolts()
        self.read_entries(bits)
        followed = self.followed_entity()
        if not own_told and self.own is not None and isinstance(followed, Ship):
            self.own = self.arena.advance_own(self.own, followed)
        self.tally.bodies += 1
        if bits.flag():
            self.check_view(bits.take(32))

    def read_private(self, bits: BitReader) -> bool:
        """Tells whether the own state was in it."""
        if bits.flag():
            self.arena.open_tiles(bits.take(14) + 1)
        if bits.flag():
            self.followed = bits.take(16) if bits.flag() else None
        if bits.flag():
            self.age, self.lead = bits.take(6), bits.signed(4)
        if not bits.flag():
            return False
        energy, drained = bits.take(13, most=ENERGY_MAX), bits.flag()
        self.own = OwnState(energy, drained, bits.optional(8), bits.optional(8), bits.take(13))
        return True

    def step(self) -> None:
        self.ships_before = {ship_id: replace(ship) for ship_id, ship in self.ships()}
        for entity_id, entity in list(self.known.items()):
            if isinstance(entity, Ship):
                self.arena.advance_ship(entity)
            elif isinstance(entity, Bolt):
                self.arena.advance_bolt(entity)
                if entity.life == 0:
                    del self.known[entity_id]

    def read_leaves(self, bits: BitReader) -> None:
        leaves, listed, last = bits.count(), sorted(self.known), -1  # places are those before anything left
        if leaves > len(listed):
            raise FrameError("more leaves than there are entities")
        for _ in range(leaves):
            place = bits.take((len(listed) - 1).bit_length(), most=len(listed) - 1)
            if place <= last:
                raise FrameError("the leaves are not in order")
            last = place
            del self.known[listed[place]]
        self.tally.leaves += leaves

    def ships(self) -> list[tuple[int, Ship]]:
        return [(entity_id, entity) for entity_id, entity in sorted(self.known.items()) if isinstance(entity, Ship)]

    def followed_entity(self) -> Entity | None:
        return None if self.followed is None else self.known.get(self.followed)

    def read_deltas(self, bits: BitReader) -> None:
        for ship_id, ship in self.ships():
            if bits.flag():
                self.known[ship_id] = read_delta(bits, ship, self.ships_before[ship_id], self.arena)
                self.tally.deltas += 1

    def add(self, entity_id: int, entity: Entity) -> None:
        if entity_id in self.known:
            raise FrameError(f"the entity {entity_id} appeared twice")
        self.known[entity_id] = entity

    def spawn_bolts(self) -> None:
        for ship_id, ship in self.ships():
            if self.arena.has_just_fired(ship):
                self.add(*self.arena.bolt_of(ship_id, ship))
                self.tally.spawns += 1

    def read_entries(self, bits: BitReader) -> None:
        followed = self.followed_entity()
        anchor = None if followed is None else (followed.x, followed.y)
        for _ in range(bits.count()):
            entity_id = bits.take(16)
            if anchor is None and entity_id != self.followed:
                raise FrameError("an entry without an anchor")
            entity = self.read_entry(bits, entity_id, anchor)
            self.add(entity_id, entity)
            anchor = anchor or (entity.x, entity.y)
            self.tally.entries += 1

    def read_entry(self, bits: BitReader, entity_id: int, anchor: Anchor) -> Entity:
        if entity_id < 4_096:
            return PickUp(*bits.position(anchor, unwritten=9), bits.take(2, most=2))
        if entity_id % 8 != 0:
            return Bolt(*bits.position(anchor), bits.take(10), bits.take(7, most=self.arena.rates.life))
        self.shown_names[entity_id] = self.read_name(bits)  # a client with a screen would write it beside the ship
        return read_ship(bits, anchor, self.arena)

    def read_name(self, bits: BitReader) -> str:
        if bits.flag():
            if (place := bits.take(7)) not in self.names:
                raise FrameError("a name that was never told")
            return self.names[place]
        name = bits.utf8()
        self.names[self.names_taken % NAME_PLACES] = name
        self.names_taken += 1
        self.tally.names += 1
        return name

    def check_view(self, told: int) -> None:
        self.tally.view_checks += 1
        if self.view_hash() != told:
            self.tally.view_mismatches += 1
            self.needs_fresh = True

    def view_hash(self) -> int:
        entities = sorted(self.known.items())
        return digest(word for entity_id, entity in entities for word in hash_words(entity_id, entity))


# --- WebSocket --------------------------------------------------------------------------------------------------------


class WebSocket:
    """As much of RFC 6455 as a client needs that sends and takes binary messages."""

    CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10
    LOST = 1_006  # the code for an end without a close frame

    def __init__(self, host: str, port: int, path: str, protocol: str) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.parts: bytearray | None = None  # of a message that is not complete
        self.close_code: int | None = None
        self.shake_hands(f"{host}:{port}", path, protocol)

    def shake_hands(self, host: str, path: str, protocol: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        keys = f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        self.socket.sendall((upgrade + keys).encode())
        until = now_us() + 10_000_000
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            received = self.socket.recv(4_096)
            if not received or now_us() > until or len(self.buffer) > 16_384:
                raise WebSocketError("the answer to the handshake has no end")
            self.buffer += received
        status, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if status.split(" ")[1:2] != ["101"]:
            raise WebSocketError(f"refused: {status}; Retry-After: {headers.get('retry-after', 'not told')}")
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        if (headers.get("sec-websocket-accept"), headers.get("sec-websocket-protocol")) != (accept, protocol):
            raise WebSocketError("the answer to the handshake does not fit the question")

    def send(self, payload: bytes, opcode: int = BINARY) -> None:
        size, mask = len(payload), os.urandom(4)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
        masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
        self.send_raw(bytes([0x80 | opcode]) + length + mask + masked)

    def send_raw(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError:
            self.close_code = self.close_code or self.LOST

    def receive(self, timeout: float) -> bytes | None:
        """The next message; none if that does not come in so many seconds."""
        if (message := self.next_message()) is not None or self.close_code is not None:
            return message
        if not select.select([self.socket], [], [], timeout)[0]:
            return None
        try:
            received = self.socket.recv(65_536)
        except OSError:
            received = b""
        self.buffer += received
        if not received:
            self.close_code = self.close_code or self.LOST
        return self.next_message()

    def next_message(self) -> bytes | None:
        while (part := self.next_part()) is not None:
            opcode, last, payload = part
            if opcode >= self.CLOSE:
                self.handle_control(opcode, last, payload)
                continue
            if opcode not in (self.CONTINUATION, self.BINARY) or (opcode == self.BINARY) != (self.parts is None):
                raise WebSocketError("a message that is not binary, or whose parts are mixed up")
            self.parts = (self.parts or bytearray()) + payload
            if len(self.parts) > FRAME_BYTES_MAX:
                raise WebSocketError("a message that is too long")
            if last:
                message, self.parts = bytes(self.parts), None
                return message
        return None

    def next_part(self) -> tuple[int, bool, bytes] | None:
        """Opcode, whether it is the message's last part, and payload; none if not all of it is there yet."""
        if len(self.buffer) < 2:
            return None
        first, size, begin = self.buffer[0], self.buffer[1], 2
        if first & 0x70 or size & 0x80:
            raise WebSocketError("a reserved bit, or a mask from the server")
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(self.buffer[2:begin], "big")
        if size > FRAME_BYTES_MAX:
            raise WebSocketError("a message that is too long")
        if len(self.buffer) < begin + size:
            return None
        payload = bytes(self.buffer[begin : begin + size])
        del self.buffer[: begin + size]
        return first & 0x0F, first >= 0x80, payload

    def handle_control(self, opcode: int, last: bool, payload: bytes) -> None:
        if not last or len(payload) > 125 or opcode > self.PONG:
            raise WebSocketError("a control frame that is in parts, too long or unknown")
        if opcode == self.PING:
            self.send(payload, self.PONG)
        elif opcode == self.CLOSE and self.close_code is None:
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.send(payload[:2], self.CLOSE)


# --- Playing (A6) -----------------------------------------------------------------------------------------------------


def now_us() -> int:
    return time.monotonic_ns() // 1_000


class ServerClock:
    """The server's time in microseconds since its tick 0, as the quickest of the last pings tells it."""

    def __init__(self, tick_rate: int, tick: int) -> None:
        self.tick_rate = tick_rate
        self.samples: deque[tuple[int, int]] = deque(maxlen=16)
        self.round_trip, self.ahead_of_ours = 0, tick * 1_000_000 // tick_rate - now_us()

    def add(self, pong: dict[str, Any]) -> None:
        now = now_us()
        clock = pong["clock"]
        round_trip = max(0, now - pong["stamp"] - clock["hold_us"])
        server_now = clock["tick"] * 1_000_000 // self.tick_rate + clock["phase_us"] + round_trip // 2
        self.samples.append((round_trip, server_now - now))
        self.round_trip, self.ahead_of_ours = min(self.samples)

    def tick_to_send_for(self, margin_us: int) -> int:
        """The last tick whose input should have been sent by now, to be there that long before the tick is due."""
        return (now_us() + self.ahead_of_ours + self.round_trip // 2 + margin_us) * self.tick_rate // 1_000_000


def steer(own: Ship | None, others: list[Ship], tick: int, view: int, tick_rate: int) -> dict[str, Any]:
    """Chases and circles the nearest ship and fires at it; every third second goes anywhere, not to stay at a wall. Now and
    then it dashes, and fires a rail at where it saw the ship."""
    second = tick // tick_rate
    anywhere = second * 7 % 16
    nothing = {"fire": False, "dash": False, "rail": None}
    targets = [(math.hypot(ship.x - own.x, ship.y - own.y), ship) for ship in others if ship.hull > 0] if own else []
    if own is None or not targets:
        return {"thrust": 1 + anywhere, "aim": 0, **nothing}
    distance, target = min(targets, key=lambda pair: pair[0])
    aim = round(math.atan2(target.y - own.y, target.x - own.x) * 512 / math.pi) % 1_024
    course = (aim if distance > 250 * 64 else aim + 256) // 64 % 16
    thrust = 1 + (anywhere if second % 3 == 0 else course)
    fine = round(math.atan2(target.y - own.y, target.x - own.x) * 8_192 / math.pi) % 16_384
    rail = {"aim": fine, "view": (view, 0)} if tick % tick_rate == 7 else None
    dash = tick % (2 * tick_rate) == 11
    return {"thrust": thrust, "aim": aim, "fire": distance < 600 * 64, "dash": dash, "rail": rail}


class Player:
    """One welcomed connection: keeps the replica, sends inputs, and compares what they do with its own prediction."""

    def __init__(self, connection: WebSocket, arena: Arena, welcome: dict[str, Any], tally: Tally) -> None:
        self.socket, self.arena, self.tally = connection, arena, tally
        self.tick_rate, self.own_id = welcome["tick_rate"], welcome["own"]
        arena.open_tiles(welcome["world"])
        self.replica = Replica(arena, tally)
        self.clock = ServerClock(self.tick_rate, welcome["clock"]["tick"])
        self.margin_us = 500_000 // self.tick_rate  # half a tick
        self.inputs: dict[int, dict[str, Any]] = {}  # by the tick they are for
        self.applied = 0  # the tick that the newest input that was applied was for
        self.last_sent_for = self.next_ping = self.next_fresh = 0

    def run(self, seconds: float) -> None:
        end = now_us() + int(seconds * 1_000_000)
        while now_us() < end and self.socket.close_code is None:
            self.listen()
            self.send_what_is_due()
        self.send("Goodbye")
        end = now_us() + 5_000_000
        while now_us() < end and self.socket.close_code is None:
            self.listen()

    def send(self, message: str | dict[str, Any]) -> None:
        self.socket.send(encode(CLIENT_MESSAGE, message))

    def listen(self) -> None:
        if (message := self.socket.receive(0.002)) is None:
            return
        try:
            if message[:1] >= b"\x80":
                self.handle_frame(message)
            else:
                self.handle_control(decode_message(message))
        except ProtocolError as error:
            self.tally.complain(error)

    def handle_control(self, message: dict[str, Any]) -> None:
        match message:
            case {"Pong": pong}:
                self.clock.add(pong)
                self.tally.pongs += 1
            case {"News": _}:
                self.tally.news += 1
            case {"Welcome": _}:
                raise MessageError("a second welcome")

    def handle_frame(self, frame: bytes) -> None:
        try:
            for tick in self.replica.apply(frame):
                self.compare_own_ship(tick)
        except ProtocolError:
            self.replica.needs_fresh = True
            raise

    def compare_own_ship(self, tick: int) -> None:
        """Counts the ticks on which the record of the own ship is not what its input makes of it (B6)."""
        replica, held = self.replica, self.input_applied_on(tick)
        ship, before = replica.known.get(self.own_id), replica.ships_before.get(self.own_id)
        if not isinstance(ship, Ship) or before is None:
            return
        if ship.hull > 0 and before.hull > 0:
            self.tally.moved_units += math.hypot(ship.x - before.x, ship.y - before.y) / 64
        # What only the server knows (hits, kills, pick-ups) shows in the hull or the score; a late input in the age.
        outside = (ship.hull, ship.score) != (before.hull, before.score)
        if held is None or replica.own_before is None or outside:
            return
        predicted = self.arena.predict(before, replica.own_before, held)
        if not self.arena.has_just_fired(ship):
            predicted.aim = ship.aim  # the record's aim may lag behind: it is exact only when a bolt needs it
        if predicted != ship:
            self.tally.unexplained_corrections += 1
            print(f"tick {tick}: predicted {predicted}, got {ship}", file=sys.stderr)

    def input_applied_on(self, tick: int) -> dict[str, Any] | None:
        """The input for a tick, if it was there in time. A late one's dash and rail are done with it (A6.3)."""
        late = [self.inputs[other] for other in range(max(self.applied, tick - 64) + 1, tick) if other in self.inputs]
        self.applied = max(self.applied, tick - self.replica.age)
        held = self.inputs.get(tick)
        if held is None or self.replica.age != 0:
            return None
        rails = [held["rail"], *(earlier["rail"] for earlier in reversed(late))]
        dash = held["dash"] or any(earlier["dash"] for earlier in late)
        return {**held, "dash": dash, "rail": next((rail for rail in rails if rail), None)}

    def send_what_is_due(self) -> None:
        now = now_us()
        if now >= self.next_ping:
            self.send({"Ping": {"stamp": now}})
            # At odd times: the quickest ping is the one that comes just before the server reads.
            self.next_ping = now + random.randrange(150_000, 350_000)
        if self.replica.tick is None:
            return
        if self.replica.needs_fresh and now >= self.next_fresh:
            self.send("FreshStart")
            self.next_fresh = now + 1_100_000
        tick = self.clock.tick_to_send_for(self.margin_us)
        if tick > self.last_sent_for:
            self.last_sent_for = tick
            self.send({"Ack": self.replica.tick} if self.own_id is None else {"Inputs": self.decide(tick)})

    def decide(self, tick: int) -> dict[str, Any]:
        if self.replica.lead < 0:  # the last ones came late
            self.margin_us = min(self.margin_us + 1_000, 200_000)
        ships = dict(self.replica.ships())
        own = ships.pop(self.own_id, None)
        self.inputs[tick] = steer(own, list(ships.values()), tick, self.replica.tick, self.tick_rate)
        self.inputs.pop(tick - 256, None)
        return {"ack": self.replica.tick, "tick": tick, "input": self.inputs[tick]}


def fetch_data(host: str, port: int) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", "/data")
    answer = connection.getresponse()
    try:
        if answer.status != 200:
            raise ProtocolError(f"/data was answered with {answer.status}")
        return answer.read()
    finally:
        connection.close()


def data_id(data: bytes) -> int:
    padded = data + bytes(-len(data) % 4)
    return digest([len(data), *struct.unpack(f"<{len(padded) // 4}I", padded)])


def walls_of(data: bytes) -> list[str]:
    return data.decode("ascii").splitlines()


def await_welcome(connection: WebSocket) -> dict[str, Any]:
    end = now_us() + 5_000_000
    while now_us() < end and connection.close_code is None:
        message = connection.receive(0.1)
        if message is not None and "Welcome" in (decoded := decode_message(message)):
            welcome: dict[str, Any] = decoded["Welcome"]
            return welcome
    raise ProtocolError(f"no welcome came; the close code is {connection.close_code}")


def join(url: str, name: str, role: str, tally: Tally) -> Player:
    parts = urlsplit(url)
    if parts.scheme != "ws" or parts.hostname is None:
        raise ProtocolError("the address has to look like ws://host:port/ws")
    host, port = parts.hostname, parts.port or 80
    data = fetch_data(host, port)
    connection = WebSocket(host, port, parts.path or "/", "fracas.1")
    hello = {"version": 2, "name": name, "token": None, "room": "main", "role": role, "aspect": "Wide"}
    connection.send(encode(CLIENT_MESSAGE, {"Hello": hello}))
    welcome = await_welcome(connection)
    arena = Arena(walls_of(data), welcome["tick_rate"])
    if data_id(data) != welcome["data"]:
        raise MessageError("the start-up data's id is not the welcome's")
    if (welcome["own"] is None) != (role == "Spectator"):
        raise MessageError("the welcome is for another role")
    tally.joined = True
    return Player(connection, arena, welcome, tally)


def play(url: str, name: str, role: str, seconds: float) -> bool:
    tally = Tally()
    try:
        player = join(url, name, role, tally)
        player.run(seconds)
        tally.close_code = player.socket.close_code
    except (ProtocolError, OSError) as error:
        tally.complain(error)
    tally.moved_units = round(tally.moved_units)
    print(json.dumps(asdict(tally)))
    happened = min(tally.entries, tally.leaves, tally.deltas, tally.spawns) > 0
    right = tally.view_checks >= 0.8 * seconds and tally.view_mismatches == 0 and tally.errors == 0
    return tally.joined and happened and right and tally.close_code == 1_000


# --- The vectors ------------------------------------------------------------------------------------------------------


def load(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def described(replica: Replica) -> dict[str, Any]:
    """What a replica knows, as states.json has it."""

    def record(entity_id: int, entity: Entity) -> dict[str, Any]:
        match entity:
            case PickUp(x, y, kind):
                return {"kind": "pickup", "id": entity_id, "x": x, "y": y, "gives": kind}
            case Bolt():
                return {"kind": "bolt", "id": entity_id, **asdict(entity)}
            case _:
                return {"kind": "ship", "id": entity_id, "name": replica.shown_names[entity_id], **asdict(entity)}

    own = replica.own._asdict() if replica.own else None
    known = [record(entity_id, entity) for entity_id, entity in sorted(replica.known.items())]
    told = {"tick": replica.tick, "open": len(replica.arena.opened), "follow": replica.followed}
    return {**told, "age": replica.age, "lead": replica.lead, "own": own, "known": known, "hash": replica.view_hash()}


def check_states(folder: Path, wrong: list[Any]) -> int:
    session, states = load(folder, "session"), load(folder, "states")
    replica = Replica(Arena(walls_of(session["data"].encode()), session["tick_hz"]), Tally())
    for frame, state in zip(session["frames"], states, strict=False):
        list(replica.apply(bytes.fromhex(frame["hex"])))
        if described(replica) != state:
            wrong.append({"state": state, "described": described(replica)})
    return len(states)


def check_own_ship(folder: Path, wrong: list[Any]) -> int:
    """Plays a ship from its inputs alone: each tick begins with what the vectors have for the one before (B6)."""
    walls, played = walls_of(load(folder, "session")["data"].encode()), load(folder, "own_ship")
    arenas = {tick_hz: Arena(walls, tick_hz) for tick_hz in RATES}
    for arena in arenas.values():
        arena.open_tiles(1)
    for before, after in zip(played, played[1:], strict=False):
        if after["tick"] == 0:
            continue
        arena, own = arenas[after["tick_hz"]], OwnState(**before["own"])
        ship = arena.predict(Ship(**before["ship"]), own, after["input"])
        if (asdict(ship), arena.advance_own(own, ship)._asdict()) != (after["ship"], after["own"]):
            wrong.append(after)
    return len(played)


class InputBuffer:
    """What the server does with a player's inputs (A6.3)."""

    def __init__(self) -> None:
        self.waiting: dict[int, dict[str, Any]] = {}
        self.held: tuple[int, dict[str, Any]] | None = None

    def read(self, stamp: int, given: dict[str, Any]) -> None:
        if self.held is None or stamp > self.held[0]:
            self.waiting.setdefault(stamp, given)

    def apply(self, tick: int) -> tuple[dict[str, Any], int]:
        """The input that is applied on a tick, and its age."""
        nothing = {"thrust": 0, "aim": 0, "fire": False}
        once: dict[str, Any] = {"dash": False, "rail": None}
        for stamp in sorted(stamp for stamp in self.waiting if stamp <= tick):
            given = self.waiting.pop(stamp)
            once = {"dash": once["dash"] or given["dash"], "rail": given["rail"] or once["rail"]}
            self.held = stamp, given
        stamp, held = self.held or (-63, nothing)
        return {**held, **once}, min(63, tick - stamp)


def check_gaps(folder: Path, wrong: list[Any]) -> int:
    """Applies frames with gaps, and predicts the own ship through them from the inputs as the server read them."""
    gaps = load(folder, "gaps")
    replica, inputs = Replica(Arena(walls_of(gaps["data"].encode()), gaps["tick_hz"]), Tally()), InputBuffer()
    unread, predicted = deque(gaps["inputs"]), 0
    for frame in gaps["frames"]:
        ticks = []
        for tick in replica.apply(bytes.fromhex(frame["hex"])):
            ticks.append(tick)
            while unread and unread[0]["read_before"] <= tick:
                said = unread.popleft()
                inputs.read(said["stamp"], said["input"])
            held, age = inputs.apply(tick)
            if age != replica.age:
                wrong.append({"tick": tick, "age": age, "told": replica.age})
            predicted += check_prediction(replica, tick, held, wrong)
        ship = replica.known.get(replica.followed or 0)
        after = {"own": replica.own._asdict() if replica.own else None, "ship": asdict(ship) if ship else None}
        after |= {"age": replica.age, "lead": replica.lead, "known": len(replica.known), "hash": replica.view_hash()}
        if ticks != list(range(frame["first"], frame["first"] + frame["bodies"])) or after != {
            name: frame[name] for name in after
        }:
            wrong.append({"frame": frame, "ticks": ticks, "after": after})
    if predicted < 100 or replica.tally.view_mismatches > 0:
        wrong.append({"predicted": predicted, "mismatches": replica.tally.view_mismatches})
    return predicted


def check_prediction(replica: Replica, tick: int, held: dict[str, Any], wrong: list[Any]) -> int:
    """Compares the own ship's record with what its input makes of it. 0 if only the server can know that."""
    own_id = replica.followed or 0
    ship, before = replica.known.get(own_id), replica.ships_before.get(own_id)
    if not isinstance(ship, Ship) or before is None or replica.own_before is None:
        return 0
    if (ship.hull, ship.score) != (before.hull, before.score):
        return 0
    predicted = replica.arena.predict(before, replica.own_before, held)
    predicted.aim = ship.aim if not replica.arena.has_just_fired(ship) else predicted.aim
    if predicted != ship:
        wrong.append({"tick": tick, "predicted": asdict(predicted), "ship": asdict(ship)})
    return 1


def check_refused(folder: Path, wrong: list[Any]) -> int:
    session, frames, messages = (load(folder, name) for name in ("session", "refused_frames", "refused_messages"))
    for case in frames:
        replica = Replica(Arena(walls_of(session["data"].encode()), session["tick_hz"]), Tally())
        for frame in session["frames"][: case["after"]]:
            list(replica.apply(bytes.fromhex(frame["hex"])))
        try:
            ticks = list(replica.apply(bytes.fromhex(case["hex"])))
        except FrameError:
            continue
        if ticks or not replica.needs_fresh:
            wrong.append(case)
    for case in messages:
        try:
            wrong.append({**case, "decoded": decode_message(bytes.fromhex(case["hex"]))})
        except MessageError:
            continue
    return len(frames) + len(messages)


def check_refusals(url: str, folder: Path) -> bool:
    """Says to a server what a client must not say, and compares the close codes."""
    parts = urlsplit(url)
    hello = bytes.fromhex(load(folder, "client_messages")[0]["hex"])
    wrong, cases = [], load(folder, "refused_clients")
    for case in cases:
        connection = WebSocket(str(parts.hostname), parts.port or 80, parts.path, "fracas.1")
        data, end = bytes.fromhex(case["hex"]), now_us() + 5_000_000
        if case["after"] != "handshake":
            connection.send(hello)
        if case["after"] == "welcome":
            await_welcome(connection)
        (connection.send_raw if case["raw"] else connection.send)(data)
        while connection.close_code is None and now_us() < end:
            connection.receive(0.1)
        if connection.close_code != case["close"]:
            wrong.append({**case, "closed": connection.close_code})
        connection.socket.close()
    print(json.dumps({"refused": len(cases), "wrong": wrong}))
    return not wrong


def check_vectors(folder: Path) -> bool:
    sent, received, session = (load(folder, name) for name in ("client_messages", "server_messages", "session"))
    wrong = [case for case in sent if encode(CLIENT_MESSAGE, case["message"]).hex() != case["hex"]]
    wrong += [case for case in received if decode_message(bytes.fromhex(case["hex"])) != case["message"]]
    arena = Arena(walls_of(session["data"].encode()), session["tick_hz"])
    replica = Replica(arena, Tally())
    if data_id(session["data"].encode()) != session["data_id"]:
        wrong.append({"data_id": session["data_id"]})
    for frame in session["frames"]:
        ticks = list(replica.apply(bytes.fromhex(frame["hex"])))
        if (ticks, len(replica.known), replica.view_hash()) != ([frame["tick"]], frame["known"], frame["hash"]):
            wrong.append(frame)
    checked = {"sent": len(sent), "received": len(received), "frames": len(session["frames"])}
    checked |= {"states": check_states(folder, wrong), "own_ship": check_own_ship(folder, wrong)}
    checked |= {"predicted": check_gaps(folder, wrong), "refused": check_refused(folder, wrong)}
    print(json.dumps({**checked, "view_checks": replica.tally.view_checks, "wrong": wrong}))
    return not wrong and replica.tally.view_mismatches == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="play on this server, such as ws://127.0.0.1:8080/ws")
    parser.add_argument("--vectors", type=Path, help="check the vectors in this folder; with --url, what the server refuses")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--name", default="Python")
    parser.add_argument("--role", choices=["player", "spectator"], default="player")
    given = parser.parse_args()
    if given.url is None and given.vectors is None:
        parser.error("--url or --vectors is needed")
    if given.url is not None and given.vectors is not None:
        sys.exit(0 if check_refusals(given.url, given.vectors) else 1)
    if given.vectors is not None:
        sys.exit(0 if check_vectors(given.vectors) else 1)
    sys.exit(0 if play(given.url, given.name, given.role.capitalize(), given.seconds) else 1)


if __name__ == "__main__":
    main()
