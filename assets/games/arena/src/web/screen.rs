//! What the arena's page shows: arrays of its own for its renderer, and the numbers of its heads-up display.

use super::beams::Beams;
use super::scene::{self, BEAMS, BOLTS, HUD, PICKUPS, SHIPS, TILES, WALLS, flag};
use super::steering::Steering;
use super::{texts, trial};
use crate::rules::own::ENERGY_FULL;
use crate::rules::tuning::{HULL_MAX, SHIP_RADIUS};
use crate::rules::{Arena, Entity, Input, News, Own, Ship, rail_targets};
use fracas_protocol::client::{Client, Moment};
use fracas_protocol::game::look::{Colour, Controls, Drawn, Shape};
use fracas_protocol::game::rules::Point;
use fracas_protocol::ids::EntityId;
use fracas_web::{OthersShown, RowLayout, RowSet, Screen, Shown};

/// Units from a pick-up's middle to its edge, and a bolt's, for a page that draws plain shapes.
const PICKUP_UNITS: f32 = 8.0;
const BOLT_UNITS: f32 = 4.0;

/// The screen of one player of the arena.
#[derive(Debug, Default)]
pub struct ArenaScreen {
    steering: Steering,
    beams: Beams,
    /// Where the ships were in the last picture that a rail could hit.
    targets: Vec<(EntityId, Point)>,
}

impl Screen<Arena> for ArenaScreen {
    const ROWS: &'static [RowLayout] = &[
        SHIPS.layout(),
        BOLTS.layout(),
        PICKUPS.layout(),
        WALLS.layout(),
        BEAMS.layout(),
        HUD.layout(),
        TILES.layout(),
    ];

    fn input(&mut self, controls: &Controls, client: &Client<Arena>) -> Input {
        self.steering.input(controls, client)
    }

    fn look(_: &Arena, _: EntityId, entity: &Entity) -> Option<Drawn> {
        match entity {
            Entity::Ship(ship) if ship.is_alive() => {
                let heading = f32::from(ship.aim.steps()) / 1024.0;
                let shape = Shape::Wedge { radius: SHIP_RADIUS as f32, heading };
                let hull = f32::from(ship.hull) / f32::from(HULL_MAX);
                let drawn = Drawn { strength: 0.4 + 0.6 * hull, ..Drawn::new(shape, Colour::ById) };
                Some(drawn.with_label().with_ring(ship.is_protected()))
            }
            Entity::Ship(_) => None,
            Entity::Bolt(_) => Some(Drawn::new(Shape::Disc { radius: BOLT_UNITS }, Colour::Palette(0))),
            Entity::Pickup(pickup) => {
                let colour = Colour::Palette(1 + pickup.kind as u8);
                Some(Drawn::new(Shape::Disc { radius: PICKUP_UNITS }, colour))
            }
        }
    }

    fn news(news: &News) -> Option<String> {
        Some(texts::describe(news))
    }

    fn status(_: &Arena, entity: &Entity, _: &Own) -> Option<String> {
        let Entity::Ship(ship) = entity else { return None };
        Some(format!("score {}", ship.score))
    }

    fn draw_others(&mut self, moment: &Moment<'_, Arena>, shown: OthersShown, rows: &mut RowSet) {
        scene::add_others(moment, shown, rows);
        self.targets.clear();
        self.targets.extend(rail_targets(moment, shown.own, shown.aspect));
    }

    fn draw(&mut self, shown: &Shown<'_, Arena>, rows: &mut RowSet) {
        let (client, now_ms) = (shown.client, shown.now_ms);
        let rules = client.replica().rules();
        scene::add_walls(rules, shown, rows);
        if let Some(view) = shown.view {
            self.beams.add_others(client, view.tick(), now_ms);
            self.beams.add_own(client, &self.targets, now_ms);
        }
        scene::add_beams(self.beams.shown(now_ms), shown.camera, rows);
        scene::add_own(shown, own_record(client), self.steering.aim, rows);
        add_hud(shown, rows);
        let ranks = 0..rules.open();
        for (column, row) in ranks.filter_map(|rank| rules.map().tile_of_rank(rank)) {
            rows.push(&TILES, [column as f32, row as f32]);
        }
    }

    fn trial(seed: u32, steps: u32) -> u32 {
        trial::steps(seed, steps)
    }
}

/// The own ship as the server last told it.
fn own_record(client: &Client<Arena>) -> Option<&Ship> {
    match &client.replica().get(client.own_id()?)?.now {
        Entity::Ship(ship) => Some(ship),
        _ => None,
    }
}

fn add_hud(shown: &Shown<'_, Arena>, rows: &mut RowSet) {
    let client = shown.client;
    let rules = client.replica().rules();
    // Without a record, while a fresh start is awaited, the prediction is the last that was told.
    let predicted = client.prediction().newest().and_then(|(entity, _)| match entity {
        Entity::Ship(ship) => Some(ship),
        _ => None,
    });
    let ship = own_record(client).or(predicted).copied().unwrap_or_default();
    let own = client.prediction().newest().map_or(*client.replica().own(), |(_, own)| *own);
    let hud = [
        f32::from(ship.hull) / f32::from(HULL_MAX),
        f32::from(own.energy) / f32::from(ENERGY_FULL),
        flag(own.drained),
        f32::from(ship.score),
        f32::from(own.rank),
        f32::from(ship.timer) / rules.tick_rate().hz() as f32,
        (rules.map().tile_quanta() / 64) as f32,
        f32::from(own.dash_pause) / f32::from(rules.tuning().dash_pause),
        flag(own.may_fire_rail()),
    ];
    rows.push(&HUD, hud);
}
