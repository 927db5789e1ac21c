//! What a core holds, as a hash: the build for the page and one for this machine must agree on it.

use crate::page::{GamePage, Greeting, Pressed};
use crate::screen::Screen;
use fracas_protocol::game::rules::{Coded, Rules};
use fracas_protocol::wire::digest::Digest;
use fracas_protocol::wire::limits::DEFAULT_ROOM;

/// A page without a page: the same calls as the exports, for a build for this machine.
pub struct Session<R: Rules, S: Screen<R>>(GamePage<R, S>);

/// What a player's keys and pointer say, as the page tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    /// Where the direction keys point, in turns; less than 0 for none.
    pub direction: f32,
    /// Where the pointer is, in turns.
    pub aim: f32,
    /// Where it is from the middle of the picture, in units.
    pub pointer: (f64, f64),
    /// The three actions.
    pub pressed: [bool; 3],
}

impl<R: Rules, S: Screen<R>> Session<R, S> {
    /// Begins with the game's start-up data and a name. None if they cannot be used.
    pub fn start(data: &[u8], name: &str) -> Option<Self> {
        let greeting = Greeting { name, room: DEFAULT_ROOM, token: None, aspect: 0 };
        GamePage::new(data, &greeting).ok().map(Self)
    }

    /// Takes a message. Whether it could be understood.
    pub fn receive(&mut self, message: &[u8], now_ms: f64) -> bool {
        self.0.receive(message, now_ms).is_ok()
    }

    /// What the player wants.
    pub fn set_input(&mut self, now_ms: f64, keys: &Keys) {
        let Keys { direction, aim, pointer, pressed: [primary, secondary, boost] } = *keys;
        self.0.set_input(now_ms, &Pressed { direction, aim, pointer, primary, secondary, boost });
    }

    /// Plays what is due.
    pub fn advance(&mut self, now_ms: f64) {
        self.0.advance(now_ms);
    }

    /// Makes the picture of a moment, of usual size.
    pub fn draw(&mut self, now_ms: f64) {
        self.0.draw(now_ms, (640.0, 360.0));
    }

    /// The next message to send.
    pub fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        while self.0.take_event().is_some() {}
        self.0.take_outgoing()
    }

    /// A hash of what it holds.
    pub fn digest(&self) -> u32 {
        self.0.digest()
    }

    /// Times the own entity was not where it was predicted.
    pub fn corrections(&self) -> u64 {
        self.0.client().counters().corrections
    }
}

impl<R: Rules, S: Screen<R>> GamePage<R, S> {
    /// A hash of what it holds: the replica, the prediction, what was corrected and why, and every float of the last
    /// picture. Floats are only added, multiplied, divided and compared, which every machine does alike.
    pub(crate) fn digest(&self) -> u32 {
        let (client, mut digest) = (self.client(), Digest::default());
        digest.word(client.replica().tick().0);
        digest.word(client.replica().hash());
        hash_own(*client.replica().own(), &mut digest);
        if let (Some(id), Some((entity, own))) = (client.own_id(), client.prediction().newest()) {
            let rules = client.replica().rules();
            rules.digest(id, entity, &mut digest);
            hash_own(*own, &mut digest);
            for (id, before, now) in client.prediction().children(id, client.replica()) {
                before.iter().for_each(|before| rules.digest(id, before, &mut digest));
                rules.digest(id, &now, &mut digest);
            }
        }
        let counters = client.counters();
        for number in [
            counters.bodies,
            counters.view_mismatches,
            counters.corrections,
            counters.corrections_late,
            counters.corrections_pushed,
            counters.inputs_late,
            counters.inputs_sent,
            counters.stalls_of_network,
        ] {
            digest.word(number as u32);
        }
        self.rows().all().flatten().for_each(|float| digest.word(float.to_bits()));
        digest.finish()
    }
}

fn hash_own<O: Coded>(mut own: O, digest: &mut Digest) {
    // What cannot be told ends it early, here and there alike.
    let _ = own.code(digest);
}
