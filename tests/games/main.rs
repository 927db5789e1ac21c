//! The games that come with the engine, held to the laws of the seam; and mistakes planted in one of them, each of which the
//! test kit must name.

mod judge;
mod planted;
#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
#[path = "../../assets/template/src/game.rs"]
mod template;

use fracas_protocol::game::check::check;
use fracas_protocol::game::laws::Law;
use fracas_server::testkit::{Line, Match};
use judge::Judge;
use planted::{Mistake, WrongYard};

/// Far away, over a line that wavers.
const FAR: Line = Line { delay_ms: 50, jitter_ms: 20 };

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

#[test]
fn players_of_tag_on_a_bad_line_see_right_and_are_never_corrected_without_a_cause() {
    let mut played = Match::<fracas_tag::Yard>::new(7).on_line(FAR);
    played.brains::<Judge>(40, 0);
    played.run_ms(30_000);
    played.assert_sound();
}

#[test]
fn a_touch_meets_whom_the_screen_showed_in_reach() {
    let mut played = Match::<fracas_tag::Yard>::new(8).on_line(Line { delay_ms: 50, jitter_ms: 0 });
    played.brains::<Judge>(80, 0);
    played.run_ms(60_000);
    let (touches, agreed) = played.verdicts();
    println!("{agreed} of {touches} touches met somebody");
    assert!(touches >= 100, "{touches} touches are too few to judge");
    assert!(agreed * 100 >= touches * 99, "{agreed} of {touches}");
}

#[test]
fn painters_on_a_bad_line_see_right_and_are_never_corrected_without_a_cause() {
    let mut played = Match::<fracas_paint::Board>::new(9).on_line(FAR);
    played.bots(40);
    played.run_ms(30_000);
    played.assert_sound();
}

#[test]
fn a_script_walks_to_the_right_until_the_board_ends() {
    use fracas_protocol::prelude::*;
    let mut played = Match::<fracas_tag::Yard>::new(3).on_line(FAR);
    let ada = played.scripted(|_| Steer { heading: Some(Heading::new(0)), act: None });
    played.run_ms(12_000);
    played.assert_sound();
    let client = played.client(ada);
    let (own, ()) = client.prediction().newest().map(|(own, state)| (*own, *state)).expect("it plays");
    assert_eq!(fracas_tag::Tag::position(&own).x, 2400 * QUANTA_PER_UNIT);
}
