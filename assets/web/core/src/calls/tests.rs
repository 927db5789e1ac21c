//! Calls as a page makes them, on the toy game.

use super::*;
use crate::{RowLayout, RowSet, Rows, Shown};
use fracas_protocol::client::Client;
use fracas_protocol::game::look::{Colour, Controls, Drawn, Shape};
use fracas_protocol::game::toy::{Step, Thing, Yard};
use fracas_protocol::ids::EntityId;

/// An array of the screen's own.
static MARKS: Rows<2> = Rows::own(0, "marks", ["x", "hz"]);

#[derive(Default)]
struct YardScreen;

impl Screen<Yard> for YardScreen {
    const ROWS: &'static [RowLayout] = &[MARKS.layout()];

    fn input(&mut self, controls: &Controls, _client: &Client<Yard>) -> Step {
        Step { run: controls.direction, throw: controls.primary, ..Step::default() }
    }

    fn look(_: &Yard, _: EntityId, _: &Thing) -> Option<Drawn> {
        Some(Drawn::new(Shape::Disc { radius: 10.0 }, Colour::ById))
    }

    fn news(_: &<Yard as Rules>::News) -> Option<String> {
        None
    }

    fn draw(&mut self, shown: &Shown<'_, Yard>, rows: &mut RowSet) {
        rows.push(&MARKS, [shown.camera.x as f32, shown.client.rate().hz() as f32]);
    }
}

/// A core, and the texts of a start in its inbox.
fn core(texts: [&[u8]; 4]) -> (Core<Yard, YardScreen>, [usize; 4]) {
    let mut core = Core::default();
    let bytes = texts.concat();
    assert!(!core.inbox(bytes.len()).is_null());
    core.inbox[..bytes.len()].copy_from_slice(&bytes);
    (core, texts.map(<[u8]>::len))
}

/// What the start of a connection returns.
fn start(texts: [&[u8]; 4]) -> i32 {
    let (mut core, [data, name, token, room]) = core(texts);
    core.start(data, name, token, room, 2)
}

#[test]
fn a_page_that_starts_says_hello_and_holds_something() {
    let (mut core, [data, name, token, room]) = core([b"yard", b"Ada", b"", b"main"]);
    assert_eq!((core.digest(), core.take_outgoing()), (0, -1), "nothing before the start");
    assert_eq!(core.start(data, name, token, room, 2), 0);
    assert_ne!(core.digest(), 0);
    assert!(core.take_outgoing() > 0 && core.take_outgoing() == -1, "a hello, and no more");
}

#[test]
fn texts_that_cannot_be_used_start_nothing() {
    assert_eq!(start([b"yard", b"Ada", &[7; 16], b"main"]), 0);
    assert_eq!(start([b"yard", &[0xff], b"", b"main"]), 1, "a name that is no text");
    let (mut core, _) = core([b"yard", b"Ada", b"", b"main"]);
    let beyond = core.inbox.len() + 1;
    for lens in [[beyond, 0, 0, 0], [4, beyond, 0, 0], [4, 3, 0, beyond]] {
        assert_eq!(core.start(lens[0], lens[1], lens[2], lens[3], 2), 1, "{lens:?} of {}", core.inbox.len());
    }
    assert_eq!(core.receive(beyond, 0.0), 2, "a message that was never written");
}

#[test]
fn the_inbox_grows_to_the_largest_start_up_data_and_no_further() {
    let (mut core, _) = core([b"yard", b"", b"", b""]);
    assert!(!core.inbox(DATA_BYTES_MAX + ROOM_NAME_BYTES_MAX).is_null());
    assert_eq!(&core.inbox[..4], b"yard", "what was in it stays");
    let len = core.inbox.len();
    assert!(core.inbox(usize::MAX).is_null() && core.inbox(INBOX_BYTES_MAX + 1).is_null());
    assert_eq!(core.inbox.len(), len);
}

#[test]
fn a_core_tells_the_layout_of_its_arrays_and_of_the_games_own() {
    let (mut core, [data, name, token, room]) = core([b"yard", b"Ada", b"", b"main"]);
    let len = core.describe() as usize;
    let text = String::from_utf8(core.outbox[..len].to_vec()).expect("a text");
    assert!(text.starts_with(r#"{"arrays":[{"name":"entities","fields":["x","y","id","#), "{text}");
    assert!(text.contains(r#"{"name":"marks","fields":["x","hz"]}],"shapes":["disc","wedge","bar"]"#), "{text}");
    core.start(data, name, token, room, 2);
    core.draw(10.0, 600.0, 340.0);
    let arrays = text.matches("fields").count();
    let lens: Vec<_> = (0..=arrays).map(|index| core.array_len(index)).collect();
    let state = text.split(r#""state","fields":["#).nth(1).and_then(|rest| rest.split(']').next()).expect("its fields");
    // Before the welcome there is no camera, so nothing to draw; what is counted is there.
    assert_eq!(lens, [0, state.split(',').count(), 13, 0, 0]);
}
