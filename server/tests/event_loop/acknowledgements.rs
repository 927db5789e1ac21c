//! Acknowledgements that are not true: what was never sent, or goes back, counts as the highest that was.

use crate::stage::LoopStage;
use fracas_arena::rules::Input;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs};

/// A room of one, who has played for two seconds and says from now on only what a test wants.
fn stage() -> LoopStage {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("liar"), 1 << 20);
    stage.run(40);
    stage.players[0].is_frozen = true;
    stage
}

/// Says an input with an acknowledgement. Returns what that counts as.
fn say(stage: &mut LoopStage, ack: u32) -> Option<Tick> {
    let tick = stage.room().last_tick().next();
    let inputs = Inputs { ack: Tick(ack), tick, input: Input::default() };
    stage.players[0].peer.say(&ClientMessage::Inputs(inputs));
    stage.tick();
    let [acknowledged] = stage.acknowledged[..] else { panic!("one input came: {:?}", stage.acknowledged) };
    acknowledged
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_or_that_goes_back_counts_as_the_highest_that_was_true() {
    let mut stage = stage();
    let newest = stage.room().last_tick();
    assert_eq!(say(&mut stage, newest.0), Some(newest));
    for untrue in [0, newest.0 - 12, newest.0 - 1, newest.0 + 10, u32::MAX] {
        assert_eq!(say(&mut stage, untrue), Some(newest), "{untrue}");
    }
    let next = newest.next();
    assert_eq!(say(&mut stage, next.0), Some(next));
}

#[test]
fn what_a_stale_or_hidden_client_acknowledges_tells_nothing_of_its_line() {
    let mut stale = stage();
    let newest = stale.room().last_tick();
    say(&mut stale, newest.0);
    while stale.metric("fracas_stale_players") == 0.0 {
        say(&mut stale, newest.0);
        assert!(stale.room().last_tick().since(newest) < 60, "a second and its usual delay make it stale");
    }
    for untrue in [0, newest.0, u32::MAX] {
        assert_eq!(say(&mut stale, untrue), None, "{untrue}");
    }
    let mut hidden = stage();
    let newest = hidden.room().last_tick();
    say(&mut hidden, newest.0);
    hidden.players[0].peer.say(&ClientMessage::Hide);
    assert_eq!(say(&mut hidden, newest.0), None);
}

#[test]
fn until_something_that_was_sent_is_acknowledged_no_input_counts() {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("liar"), 1 << 20);
    stage.run(1);
    stage.players[0].is_frozen = true;
    stage.tick();
    for untrue in [0, u32::MAX] {
        assert_eq!(say(&mut stage, untrue), None, "{untrue}");
    }
}
