//! What led to a panic leads there again, from memory and from bytes.

use crate::poison::{Poisoned, RATE};
use crate::rooms::{RoomsStage, SICK};
use fracas_protocol::game::authority::Game;
use fracas_protocol::tick::Tick;
use fracas_server::sim::recording::{Recording, RecordingError, Replayed};
use fracas_server::sim::rooms::Failure;

const BYTES_MAX: usize = 1 << 26;

/// Somebody joins or leaves every few ticks until the room panics on `tick`.
fn busy_room(seed: u64, panics_on: &'static [u32]) -> Failure<Poisoned> {
    busy_room_and_debts(seed, panics_on).0
}

/// The same, and how many joined who paid for one who had left a fight.
fn busy_room_and_debts(seed: u64, panics_on: &'static [u32]) -> (Failure<Poisoned>, u32) {
    let (mut stage, mut in_debt) = (RoomsStage::new(seed, panics_on), 0);
    for _ in 0..20 {
        stage.join(SICK);
    }
    loop {
        let tick = stage.rooms.last_tick().0;
        if tick % 7 == 3 {
            stage.join(SICK);
        }
        if tick % 7 == 5 {
            let first = stage.of(SICK)[0];
            stage.leave(first);
        }
        let mut result = stage.tick();
        in_debt += result.joins.in_debt;
        if let Some(failure) = result.failures.pop() {
            return (failure, in_debt);
        }
    }
}

fn read_again(recording: &Recording<Poisoned>) -> Recording<Poisoned> {
    let mut bytes = Vec::new();
    recording.write(&mut bytes);
    Recording::read::<BYTES_MAX>(&bytes, Poisoned::STATE_VERSION).expect("what was written can be read")
}

#[test]
fn joins_leaves_and_inputs_are_repeated_up_to_the_same_panic_on_the_same_tick() {
    // The message tells where every ship is and how it does.
    let (failure, in_debt) = busy_room_and_debts(11, &[347]);
    assert!(in_debt > 10, "{in_debt}");
    let recording = failure.recording.expect("there was a game");
    let expected = Replayed::Panicked { tick: Tick(347), message: failure.message };
    assert_eq!(read_again(&recording).replay(), expected);
    assert_eq!(recording.replay(), expected);
}

#[test]
fn a_second_is_kept_at_least_and_two_at_most_whenever_it_comes() {
    let hz = RATE.hz() as usize;
    for panics_on in [&[3][..], &[60], &[61], &[62], &[119], &[121], &[200], &[299], &[300], &[301]] {
        let failure = busy_room(12, panics_on);
        let kept = failure.recording.expect("there was a game").ticks();
        let lived = panics_on[0] as usize;
        assert!(kept >= lived.min(hz) && kept <= 2 * hz, "{kept} of {lived} ticks");
    }
}

#[test]
fn a_room_that_panics_in_its_first_tick_or_in_its_second_life_is_recorded_too() {
    let mut stage = RoomsStage::new(13, &[1, 400]);
    let mut failures = Vec::new();
    for tick in 1..=400 {
        if tick == 10 {
            stage.join(SICK);
        }
        failures.append(&mut stage.tick().failures);
    }
    assert_eq!(failures.len(), 2);
    for failure in failures {
        let expected = Replayed::Panicked { tick: failure.tick, message: failure.message };
        assert_eq!(failure.recording.expect("a game").replay(), expected);
    }
}

#[test]
fn half_of_a_recording_is_refused() {
    let failure = busy_room(14, &[100]);
    let recording = failure.recording.expect("there was a game");
    let mut bytes = Vec::new();
    recording.write(&mut bytes);
    let half = Recording::<Poisoned>::read::<BYTES_MAX>(&bytes[..bytes.len() / 2], Poisoned::STATE_VERSION);
    assert_eq!(half.map(|_| ()), Err(RecordingError::Unreadable));
}
