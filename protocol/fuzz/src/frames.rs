//! Frames for a replica that holds part of a recorded session: each is applied or refused with a name, and what is known stays
//! bounded and in order.
#![no_main]

use fracas_fuzz::{Steps, number, recorded};
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::frame::TickFollower;
use fracas_protocol::wire::limits::VISIBLE_MAX;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (rules, session) = recorded();
    let (mut replica, mut follower) = (Replica::new(rules.rules().clone()), TickFollower::default());
    for (what, bytes) in Steps(data).take(64) {
        let frames = match what % 2 {
            0 => std::slice::from_ref(&bytes),
            // So many of the session's, from one on.
            _ => &session
                .iter()
                .skip(number(bytes) as usize % session.len())
                .take(8)
                .map(Vec::as_slice)
                .collect::<Vec<_>>()[..],
        };
        for frame in frames {
            // A client that cannot use a frame follows the ticks all the same.
            let _ = follower.follow(frame);
            // After one that is refused, only a fresh start is taken, and what is known means nothing.
            let is_refused = replica.apply_frame(frame).is_err();
            assert!(!(is_refused && replica.is_live()));
            let known = replica.known();
            assert!(known.len() <= 2 * VISIBLE_MAX);
            if replica.is_live() {
                assert!(known.len() <= VISIBLE_MAX && known.windows(2).all(|pair| pair[0].id < pair[1].id));
            }
        }
    }
});
