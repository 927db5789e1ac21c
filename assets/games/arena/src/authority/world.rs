//! The arena's world: ships, bolts and pick-ups, and what one tick does to them.

mod fight;
mod idle;
mod pilot;
mod respawn;
#[cfg(test)]
mod tests;

use super::combat::Bolts;
use super::damage::{Hit, Loss};
use super::debt::Debt;
use super::default_map::default_map;
use super::draw::Draw;
use super::opening::{Change, Opening};
use super::page::PAGE;
use super::pickups::Pickups;
use super::score::{self, KillFeed, Standing};
use super::spawn::SpawnPlaces;
use super::tiled::read_tiled;
use crate::brain::ArenaBrain;
use crate::rules::own::ENERGY_FULL;
use crate::rules::tuning::{CELL_ENERGY, ENERGY_PARTS, HULL_MAX, REPAIR_HULL, SHARD_SCORE};
use crate::rules::{Arena, Bolt, Entity, Input, Map, News, OpenTiles, Own, PickupKind, SHIPS_MAX, Ship, ship_id};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::authority::{Game, GameEvent, GameSetup, Joiner, PlayerInput};
use fracas_protocol::game::history::History;
use fracas_protocol::game::page::PageFile;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::game::settings::{Setting, SettingKind, Settings};
use fracas_protocol::grid::{Grid, Rect};
use fracas_protocol::ids::EntityId;
use fracas_protocol::ids::{PlayerId, PlayerKind};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::message::Aspect;
use pilot::{Pilot, lot};
use serde::{Deserialize, Serialize};

/// No ship may be nearer than this to a closing tile, in units. A ship farther away does not see it close.
const CLOSING_DISTANCE: i32 = 750;

/// Ships per view, if nobody says otherwise.
const DENSITY: u32 = 20;
/// Bytes of the largest map that is read. The cells take 4 KiB; pictures and notes may come with them.
const MAP_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What an operator may set.
const SETTINGS: &[Setting] = &[
    Setting {
        name: "density",
        value_name: "N",
        help: "Ships to a view: the arena's open part grows and shrinks for it.",
        kind: SettingKind::Number { default: Some(DENSITY), min: 1, max: 1000 },
    },
    Setting {
        name: "arena-for",
        value_name: "N",
        help: "Open the arena for so many ships, whoever is there; for measuring. [default: follow the population] \
               [example: 1000]",
        kind: SettingKind::Number { default: None, min: 1, max: 100_000 },
    },
    Setting {
        name: "map",
        value_name: "FILE",
        help: "A map drawn with Tiled and saved as .tmj, instead of the built-in one. [example: map.tmj]",
        kind: SettingKind::File { bytes_max: MAP_BYTES_MAX },
    },
];

/// The settings of an arena.
#[derive(Clone, Debug)]
pub struct ArenaConfig {
    /// Ticks in a second.
    pub rate: TickRate,
    /// The ground.
    pub map: Map,
    /// Ships per view.
    pub density: u32,
    /// A fixed size for so many ships. Without it the size follows the population.
    pub arena_for: Option<u32>,
    /// The seed of all random draws.
    pub seed: u64,
}

/// A rail that was fired on this tick.
#[derive(Clone, Copy, Debug)]
struct Rail {
    shooter: u16,
    view: ViewTime,
    aspect: Aspect,
}

/// The arena's world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    arena: Arena,
    opening: Opening,
    places: SpawnPlaces,
    rng: Rng,
    /// By slot, which is the player's id.
    pilots: Vec<Option<Pilot>>,
    population: usize,
    /// How many of them have neither moved nor fought for a while.
    parked: usize,
    /// How many players there have been.
    joined: u32,
    /// The tick that runs, or ran last.
    now: Tick,
    bolts: Bolts,
    pickups: Pickups,
    kill_feed: KillFeed,
    /// News for single players on this tick.
    game_events: Vec<GameEvent<News>>,
    leader: Option<u16>,
    /// The living ships at their positions on this tick: they can be hit and can take pick-ups.
    #[serde(skip)]
    targets: Grid,
    past: History,
    /// The generator of draws between ships that are equal by the rules. It is separate, so joins and hits change no
    /// other draw.
    lots: Rng,
    /// The draws of this tick.
    draw: Draw,
    // Memory that is used only within a step.
    #[serde(skip)]
    fired: Vec<(EntityId, Bolt)>,
    #[serde(skip)]
    rails: Vec<Rail>,
    #[serde(skip)]
    hits: Vec<Hit>,
    #[serde(skip)]
    losses: Vec<Loss>,
    #[serde(skip)]
    reached: Vec<(EntityId, u16)>,
}

impl World {
    /// An empty arena, open as far as its first players will need.
    pub fn with(config: ArenaConfig) -> Self {
        let arena = Arena::on(config.rate, config.map);
        let mut world = Self {
            opening: Opening::new(config.density, config.arena_for),
            places: SpawnPlaces::new(&arena),
            arena,
            rng: Rng::new(config.seed, 1),
            pilots: Vec::new(),
            population: 0,
            parked: 0,
            joined: 0,
            now: Tick::default(),
            bolts: Bolts::default(),
            pickups: Pickups::default(),
            kill_feed: KillFeed::default(),
            game_events: Vec::new(),
            leader: None,
            targets: Grid::default(),
            past: History::default(),
            lots: Rng::new(config.seed, 2),
            draw: Draw::default(),
            fired: Vec::new(),
            rails: Vec::new(),
            hits: Vec::new(),
            losses: Vec::new(),
            reached: Vec::new(),
        };
        world.open_and_close();
        world
    }

    /// The ship in a slot.
    pub fn ship(&self, player: PlayerId) -> Option<&Ship> {
        self.pilot(player).map(|pilot| &pilot.ship)
    }

    fn pilot(&self, player: PlayerId) -> Option<&Pilot> {
        self.pilots.get(player.index())?.as_ref()
    }

    fn pilots(&self) -> impl Iterator<Item = (u16, &Pilot)> + Clone {
        self.pilots.iter().enumerate().filter_map(|(slot, pilot)| Some((slot as u16, pilot.as_ref()?)))
    }

    fn pilot_mut(&mut self, slot: u16) -> Option<&mut Pilot> {
        self.pilots.get_mut(usize::from(slot))?.as_mut()
    }

    fn open_and_close(&mut self) {
        let open = self.arena.open();
        let wanted = self.opening.wanted(self.arena.map(), self.population - self.parked.min(self.population));
        let open = match self.opening.update(wanted, open, self.arena.tick_rate().hz()) {
            Change::Open(wanted) => wanted,
            Change::CloseIfEmpty(last) if self.is_deserted(last) => last,
            Change::Stay | Change::CloseIfEmpty(_) => return,
        };
        let possible = self.arena.set_world(OpenTiles(open));
        debug_assert!(possible.is_ok(), "{open} tiles");
        self.pickups.remove_walled(&self.arena);
        self.move_parked();
    }

    /// Whether the tile of this rank may close. No bolt may be in it, and no ship may be in it or near enough to see it
    /// close. Parked ships do not keep it open.
    fn is_deserted(&self, rank: u16) -> bool {
        let map = self.arena.map();
        let Some((column, row)) = map.tile_of_rank(rank) else { return false };
        let (side, away) = (map.tile_quanta(), CLOSING_DISTANCE * QUANTA_PER_UNIT);
        let corner = Point { x: column as i32 * side, y: row as i32 * side };
        let near = Rect {
            min: Point { x: corner.x - away, y: corner.y - away },
            max: Point { x: corner.x + side + away, y: corner.y + side + away },
        };
        self.pilots().all(|(_, pilot)| self.is_parked(pilot) || !near.contains(pilot.ship.position))
            && self.bolts.flying().iter().all(|(_, bolt)| map.rank_at(bolt.position) != rank)
    }

    fn fly(&mut self, inputs: &[PlayerInput<Input>]) {
        let mut inputs = inputs.iter().peekable();
        for (slot, pilot) in self.pilots.iter_mut().enumerate() {
            let player = PlayerId(slot as u16);
            let told = inputs.next_if(|input| input.player == player);
            let input = told.map_or(Input::default(), |told| told.input);
            let Some(pilot) = pilot else { continue };
            let mut entity = Entity::Ship(pilot.ship);
            self.arena.play(&mut entity, &mut pilot.own, &input);
            if let Entity::Ship(ship) = entity {
                pilot.ship = ship;
            }
            if pilot.ship.rail.is_some() || pilot.ship.has_fired(self.arena.tuning()) {
                pilot.fought_at = Some(self.now);
            }
            if let (Some(_), Some(shot), Some(told)) = (pilot.ship.rail, input.rail, told) {
                // Within what its screen can have shown, and not before it joined.
                let view = told.view.clamp(shot.view).max(pilot.since.unwrap_or_default().into());
                self.rails.push(Rail { shooter: player.0, view, aspect: told.aspect });
            }
            if let Some((id, Entity::Bolt(bolt))) = self.arena.spawned_by(ship_id(player.0), &entity) {
                self.fired.push((id, bolt));
            }
        }
    }

    /// Records the positions of the living ships.
    fn find_targets(&mut self) {
        let alive = self.pilots.iter().enumerate().filter_map(|(slot, pilot)| {
            let ship = &pilot.as_ref()?.ship;
            ship.is_alive().then_some((ship_id(slot as u16), ship.position))
        });
        self.targets.rebuild(alive);
    }

    /// Remembers the positions of the living ships, for judging later rails.
    fn remember(&mut self, tick: Tick) {
        let places =
            self.pilots.iter().map(|pilot| Some(pilot.as_ref()?.ship).filter(Ship::is_alive).map(|s| s.position));
        self.past.record(tick, self.arena.tick_rate(), places);
    }

    fn collect(&mut self) {
        let mut reached = std::mem::take(&mut self.reached);
        let is_alive = |slot| self.ship(PlayerId(slot)).is_some_and(Ship::is_alive);
        let lot = |slot| lot(&self.pilots, &self.draw, slot);
        self.pickups.reached(&self.targets, is_alive, lot, &mut reached);
        for (id, slot) in reached.drain(..) {
            let Some(pilot) = self.pilots.get_mut(usize::from(slot)).and_then(Option::as_mut) else { continue };
            let Some(pickup) = self.pickups.remove(id) else { continue };
            match pickup.kind {
                PickupKind::Repair => pilot.ship.hull = (pilot.ship.hull + REPAIR_HULL).min(HULL_MAX),
                PickupKind::Cell => {
                    pilot.own.energy = (pilot.own.energy + CELL_ENERGY * ENERGY_PARTS).min(ENERGY_FULL);
                    pilot.own.drained = false;
                }
                PickupKind::Shard => pilot.ship.score = pilot.ship.score.saturating_add(SHARD_SCORE),
            }
        }
        self.reached = reached;
    }

    /// Ranks the people, and adds the leaderboard to the news.
    fn rank(&mut self) -> News {
        self.leader =
            self.pilots().max_by_key(|(slot, pilot)| (pilot.ship.score, std::cmp::Reverse(*slot))).map(|p| p.0);
        let people = self.pilots().filter(|(_, pilot)| pilot.kind == PlayerKind::Person);
        let mut standings: Vec<_> =
            people.map(|(slot, pilot)| Standing { slot, name: &pilot.name, score: pilot.ship.score }).collect();
        score::rank(&mut standings);
        let news = score::leaderboard(&standings);
        let slots: Vec<_> = standings.iter().map(|standing| standing.slot).collect();
        for (rank, slot) in (1..).zip(slots) {
            if let Some(pilot) = self.pilot_mut(slot) {
                pilot.own.rank = rank;
            }
        }
        news
    }
}

impl Game for World {
    type Rules = Arena;
    type Debt = Debt;
    type Brain = ArenaBrain;

    const NAME: &'static str = "arena";
    const SETTINGS: &'static [Setting] = SETTINGS;
    const PAGE: &'static [PageFile] = PAGE;

    fn start_data(settings: &Settings) -> Result<Vec<u8>, String> {
        let map = match settings.file("map") {
            None => default_map(),
            Some(text) => {
                let text = std::str::from_utf8(text)
                    .map_err(|_| "the map cannot be used: it is not text in UTF-8; save it as UTF-8")?;
                // The byte order mark that some editors put in front is no part of it.
                read_tiled(text.trim_start_matches('\u{feff}'))
                    .map_err(|why| format!("the map cannot be used: {why}"))?
            }
        };
        Ok(map.to_text().into_bytes())
    }

    fn new(setup: GameSetup<'_, Arena>) -> Self {
        let GameSetup { rules, rate, seed, settings } = setup;
        let density = settings.number("density").unwrap_or(DENSITY);
        Self::with(ArenaConfig {
            rate,
            map: rules.map().clone(),
            density,
            arena_for: settings.number("arena-for"),
            seed,
        })
    }

    fn rules(&self) -> &Arena {
        &self.arena
    }

    fn join(&mut self, player: PlayerId, joiner: &Joiner<Debt>) {
        let Joiner { name, kind, debt } = joiner;
        let debt = debt.as_ref();
        assert!(player.0 < SHIPS_MAX, "no id for the ship of {player:?}");
        if self.pilots.len() <= player.index() {
            self.pilots.resize(player.index() + 1, None);
        }
        // Not alive, with no wait but a debt. It gets its position with the next step, among all others that join.
        let position = debt.map_or_else(Point::default, |debt| debt.place);
        let pilot = Pilot {
            name: name.clone(),
            kind: *kind,
            ship: Ship { position, ..Ship::default() },
            own: debt.map_or_else(Own::default, |debt| debt.own_at(self.now, self.arena.tuning())),
            since: None,
            luck: self.lots.word(),
            anchor: Point::default(),
            active_at: self.now,
            moved_with: None,
            number: self.joined,
            fought_at: None,
            debt: debt.cloned(),
        };
        assert!(self.pilots[player.index()].replace(pilot).is_none(), "{player:?} is here already");
        self.joined += 1;
        self.population += 1;
    }

    fn may_go(&self, player: PlayerId) -> bool {
        self.pilot(player).is_none_or(|pilot| self.has_finished(pilot))
    }

    fn debt(&self, player: PlayerId, left: Tick) -> Option<Debt> {
        self.pilot(player).and_then(|pilot| self.owed_by(player, pilot, left))
    }

    fn leave(&mut self, player: PlayerId) {
        if self.pilots.get_mut(player.index()).and_then(Option::take).is_some() {
            self.population -= 1;
            self.bolts.remove_of(player.0);
        }
    }

    fn begin_anew(&mut self) {
        (self.past, self.now) = (History::default(), Tick(0));
        for pilot in self.pilots.iter_mut().flatten() {
            (pilot.since, pilot.active_at) = (pilot.since.map(|_| Tick(0)), Tick(0));
            (pilot.fought_at, pilot.debt) = (None, None);
        }
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Input>]) {
        (self.now, self.draw) = (tick, Draw::new(&mut self.lots));
        self.open_and_close();
        self.fly(inputs);
        self.find_targets();
        self.fire_rails(tick);
        self.fly_bolts();
        self.hurt();
        self.bolts.add(&mut self.fired);
        self.collect();
        self.respawn(tick);
        self.note_activity();
        self.remember(tick);
        self.pickups.replenish(&self.arena, &self.places, &mut self.rng);
    }

    fn truth(&self, out: &mut Vec<(EntityId, Entity)>) {
        out.extend(self.pickups.lying().map(|(id, pickup)| (id, Entity::Pickup(pickup))));
        let mut bolts = self.bolts.flying().iter().peekable();
        for (slot, pilot) in self.pilots() {
            let id = ship_id(slot);
            while let Some((id, bolt)) = bolts.next_if(|(other, _)| *other < id) {
                out.push((*id, Entity::Bolt(*bolt)));
            }
            out.push((id, Entity::Ship(pilot.ship)));
        }
        out.extend(bolts.map(|(id, bolt)| (*id, Entity::Bolt(*bolt))));
    }

    fn own(&self, player: PlayerId) -> Own {
        self.pilots.get(player.index()).and_then(Option::as_ref).map_or_else(Own::default, |pilot| pilot.own)
    }

    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<News>>) {
        let hz = self.arena.tick_rate().hz();
        out.append(&mut self.game_events);
        // One of the three in each third of a second, so that the work is spread over the ticks.
        let news = if tick.is_phase(0, hz) {
            Some(self.rank())
        } else if tick.is_phase(hz / 3, hz) {
            self.kill_feed.drain()
        } else if tick.is_phase(2 * hz / 3, hz) {
            let places = self.pilots().map(|(_, pilot)| pilot.ship.position);
            Some(score::density(self.arena.map(), self.arena.open(), places))
        } else {
            None
        };
        out.extend(news.map(|news| GameEvent { to: None, news }));
    }

    fn census(&self) -> Vec<(&'static str, usize)> {
        vec![("ship", self.population), ("bolt", self.bolts.flying().len()), ("pickup", self.pickups.len())]
    }

    fn active_at(&self, player: PlayerId) -> Option<Tick> {
        self.pilots.get(player.index())?.as_ref().map(|pilot| pilot.active_at)
    }

    fn to_watch(&self, _truth: &[(EntityId, Entity)]) -> Option<EntityId> {
        let leader = self.leader.filter(|slot| self.ship(PlayerId(*slot)).is_some());
        leader.or_else(|| self.pilots().next().map(|(slot, _)| slot)).map(ship_id)
    }
}
