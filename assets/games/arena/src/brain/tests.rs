//! What the brains do without looking, and that their kinds are where their names say.

use super::*;
use crate::rules::{Map, Thrust};
use fracas_protocol::game::rules::Point;

const RATE: TickRate = TickRate::HZ_30;

fn brain(kind: usize) -> ArenaBrain {
    ArenaBrain::new(kind, Skill::Seasoned, 7)
}

/// What a brain that does not look wants on ten seconds' ticks.
fn blind_inputs(kind: usize) -> Vec<Input> {
    let mut brain = brain(kind);
    (0..300).map(|_| brain.think_blind(RATE)).collect()
}

#[test]
fn every_kind_is_where_its_index_says() {
    let indexes = [(HUNTER, "hunter"), (WANDER, "wander"), (CROWD, "crowd"), (IDLE, "idle")];
    assert_eq!(indexes.len(), ArenaBrain::KINDS.len());
    for (index, name) in indexes {
        assert_eq!(ArenaBrain::KINDS[index].name, name);
        assert_eq!(ArenaBrain::KINDS[index].is_idle, matches!(brain(index).mind, Mind::Idle));
        assert_eq!(ArenaBrain::KINDS[index].looks_first, !brain(index).can_look_away(&arena(), None));
    }
}

fn arena() -> Arena {
    Arena::on(RATE, Map::new(&vec![vec![false; 8]; 8]).expect("a map"))
}

#[test]
fn a_brain_that_does_not_look_does_what_it_would_and_not_always_wander() {
    assert!(blind_inputs(IDLE).iter().all(|input| *input == Input::default()));
    let crowd = blind_inputs(CROWD);
    assert!(crowd.iter().all(|input| *input == Input { aim: input.aim, ..Input::default() }), "it stays");
    assert!(crowd.windows(2).any(|pair| pair[0].aim != pair[1].aim), "it turns");
    for kind in [WANDER, HUNTER] {
        let inputs = blind_inputs(kind);
        assert!(inputs.iter().any(|input| input.fire) && inputs.iter().any(|input| input.thrust != Thrust::NONE));
        assert!(inputs.windows(2).any(|pair| pair[0].thrust != pair[1].thrust));
    }
}

#[test]
fn a_crowd_looks_away_at_rest_in_the_middle_and_not_elsewhere() {
    let arena = arena();
    let (column, row) = arena.map().tile_of_rank(0).expect("a tile");
    let side = arena.map().tile_quanta();
    let at = |part: i32| {
        let middle = |tile: u32| tile as i32 * side + side * part / 8;
        let position = Point { x: middle(column), y: middle(row) };
        Entity::Ship(Ship { position, hull: 100, ..Ship::default() })
    };
    let crowd = brain(CROWD);
    assert!(crowd.can_look_away(&arena, Some(&at(4))));
    assert!(!crowd.can_look_away(&arena, Some(&at(0))));
    assert!(!crowd.can_look_away(&arena, Some(&Entity::Ship(Ship::default()))), "destroyed");
    assert!(brain(HUNTER).can_look_away(&arena, Some(&at(0))));
}
