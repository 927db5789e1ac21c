//! The games that come with the engine, held to the laws of the seam; and mistakes planted in one of them, each of which the
//! test kit must name.

mod planted;

use fracas_protocol::game::check::check;
use fracas_protocol::game::laws::Law;
use planted::{Mistake, WrongYard};

#[test]
fn tag_keeps_the_laws() {
    check::<fracas_tag::Yard>().unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn paint_keeps_the_laws() {
    check::<fracas_paint::Board>().unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn without_a_mistake_the_wrapped_game_keeps_the_laws_too() {
    check::<WrongYard<{ Mistake::NONE }>>().unwrap_or_else(|fault| panic!("{fault}"));
}

/// What the kit says of a mistake: the law that is broken.
fn law_of<const MISTAKE: u8>() -> Law {
    let fault = check::<WrongYard<MISTAKE>>().expect_err("it is a mistake");
    let text = fault.to_string();
    assert!(text.starts_with(&format!("seed {}, on tick {}: ", fault.seed, fault.broken.tick)), "{text}");
    // The seed alone brings it back.
    assert_eq!(
        fracas_protocol::game::check::check_seed::<WrongYard<MISTAKE>>(fault.seed).map_err(|again| again.broken.law),
        Err(fault.broken.law)
    );
    fault.broken.law
}

#[test]
fn a_step_that_does_other_than_play_is_found() {
    assert_eq!(law_of::<{ Mistake::STEP_FORGETS_INPUT }>(), Law::StepIsPlay);
}

#[test]
fn a_field_that_code_forgets_is_found() {
    assert_eq!(law_of::<{ Mistake::CODE_FORGETS_FIELD }>(), Law::CodeReadsWhatItWrites);
}

#[test]
fn a_truth_out_of_order_is_found() {
    assert_eq!(law_of::<{ Mistake::UNSORTED }>(), Law::TruthIsSorted);
}

#[test]
fn an_entity_of_nobody_who_is_there_is_found() {
    assert_eq!(law_of::<{ Mistake::STRANGER }>(), Law::IdsBelong);
}

#[test]
fn the_order_of_a_hash_map_is_found() {
    assert_eq!(law_of::<{ Mistake::HASH_MAP }>(), Law::IsDeterministic);
}

#[test]
fn a_look_at_the_clock_is_found() {
    assert_eq!(law_of::<{ Mistake::CLOCK }>(), Law::IsDeterministic);
}

#[test]
fn a_field_that_is_not_serialized_is_found() {
    assert_eq!(law_of::<{ Mistake::SKIPPED_FIELD }>(), Law::StateIsWhole);
}

#[test]
fn an_undeclared_decision_of_the_server_is_found() {
    assert_eq!(law_of::<{ Mistake::UNDECLARED }>(), Law::StepIsPlay);
}
