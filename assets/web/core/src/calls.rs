//! What the exports do: they move bytes and texts through the inbox and the outbox, and hand on to the page.

use crate::page::{GamePage, Greeting, PageFault, Pressed};
use crate::screen::Screen;
use crate::{panics, texts};
use fracas_protocol::game::data::DATA_BYTES_MAX;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::wire::limits::{FRAME_BYTES_MAX, ROOM_NAME_BYTES_MAX};

/// The most that the page writes at once: start-up data with the texts beside it, of any length that a form may have, or a
/// message.
const INBOX_BYTES_MAX: usize = DATA_BYTES_MAX + ROOM_NAME_BYTES_MAX + 64 * 1024;
const _: () = assert!(FRAME_BYTES_MAX <= INBOX_BYTES_MAX);

/// The state behind the exports of a game with rules `R`, whose page shows `S`.
pub struct Core<R: Rules, S: Screen<R>> {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    page: Option<GamePage<R, S>>,
}

impl<R: Rules, S: Screen<R>> Default for Core<R, S> {
    fn default() -> Self {
        Self { inbox: Vec::new(), outbox: Vec::new(), page: None }
    }
}

impl<R: Rules, S: Screen<R>> Core<R, S> {
    /// A panic reaches the page as text from now on.
    pub fn init(&mut self) {
        panics::report();
    }

    /// Where the page may write `len` bytes; null if that is too much. The inbox only ever grows.
    pub fn inbox(&mut self, len: usize) -> *mut u8 {
        if len > INBOX_BYTES_MAX {
            return std::ptr::null_mut();
        }
        if len > self.inbox.len() {
            self.inbox.resize(len, 0);
        }
        self.inbox.as_mut_ptr()
    }

    /// Where the page reads.
    pub fn outbox(&self) -> *const u8 {
        self.outbox.as_ptr()
    }

    /// Puts a text or message into the outbox. Returns its length; -1 for none.
    fn put(&mut self, bytes: Option<&[u8]>) -> i32 {
        self.outbox.clear();
        let Some(bytes) = bytes else { return -1 };
        self.outbox.extend_from_slice(bytes);
        bytes.len() as i32
    }

    fn put_text(&mut self, text: Option<String>) -> i32 {
        self.put(text.as_deref().map(str::as_bytes))
    }

    /// Begins a connection. The inbox holds the start-up data, the name, a token if there is one, and the room's name.
    /// Returns 0, or a fault's number.
    pub fn start(&mut self, data: usize, name: usize, token: usize, room: usize, aspect: u32) -> i32 {
        self.page = None;
        let mut from = 0;
        let parts = [data, name, token, room].map(|len| {
            from += len;
            self.inbox.get(from - len..from)
        });
        let [Some(data), Some(name), Some(token), Some(room)] = parts else { return PageFault::BadStart as i32 };
        let (Ok(name), Ok(room)) = (std::str::from_utf8(name), std::str::from_utf8(room)) else {
            return PageFault::BadStart as i32;
        };
        let greeting = Greeting { name, room, token: token.try_into().ok(), aspect };
        match GamePage::new(data, &greeting) {
            Ok(page) => {
                self.page = Some(page);
                0
            }
            Err(fault) => fault as i32,
        }
    }

    /// Takes the message of `len` bytes in the inbox. Returns 0, or a fault's number.
    pub fn receive(&mut self, len: usize, now_ms: f64) -> i32 {
        let (Some(page), Some(message)) = (&mut self.page, self.inbox.get(..len)) else {
            return PageFault::BadMessage as i32;
        };
        page.receive(message, now_ms).map_or_else(|fault| fault as i32, |()| 0)
    }

    /// Sets what the player wants: directions in turns clockwise from the right, less than 0 for none; where the pointer is,
    /// in units from the middle of the picture; what is pressed, 1 or 0.
    #[expect(clippy::too_many_arguments, reason = "only numbers pass between the page and the core")]
    pub fn set_input(
        &mut self,
        now_ms: f64,
        direction: f32,
        aim: f32,
        pointer_x: f64,
        pointer_y: f64,
        primary: u32,
        secondary: u32,
        boost: u32,
    ) {
        let [primary, secondary, boost] = [primary, secondary, boost].map(|pressed| pressed != 0);
        let pointer = (pointer_x, pointer_y);
        if let Some(page) = &mut self.page {
            page.set_input(now_ms, &Pressed { direction, aim, pointer, primary, secondary, boost });
        }
    }

    /// Nobody looks at the page any more (1), or somebody looks again (0).
    pub fn set_hidden(&mut self, hidden: u32, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.set_hidden(hidden != 0, now_ms);
        }
    }

    /// Plays the ticks that have come.
    pub fn advance(&mut self, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.advance(now_ms);
        }
    }

    /// Acknowledges the last tick received, if that was not done yet.
    pub fn acknowledge(&mut self, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.acknowledge(now_ms);
        }
    }

    /// Says that the player leaves.
    pub fn leave(&mut self, now_ms: f64) {
        if let Some(page) = &mut self.page {
            page.leave(now_ms);
        }
    }

    /// Makes the picture of this moment.
    pub fn draw(&mut self, now_ms: f64, half_width: f64, half_height: f64) {
        if let Some(page) = &mut self.page {
            page.draw(now_ms, (half_width, half_height));
        }
    }

    /// Puts the next message to send into the outbox. Returns its length; -1 for none.
    pub fn take_outgoing(&mut self) -> i32 {
        let message = self.page.as_mut().and_then(GamePage::take_outgoing);
        self.put(message.as_deref())
    }

    /// Puts the next event's text into the outbox. Returns its length; -1 for none.
    pub fn take_event(&mut self) -> i32 {
        let text = self.page.as_mut().and_then(GamePage::take_event);
        self.put_text(text)
    }

    /// Puts the name that the entity with this id bears into the outbox. Returns its length; -1 for none.
    pub fn name_of(&mut self, id: u32) -> i32 {
        let name = self.page.as_ref().and_then(|page| page.name_of(id)).map(String::from);
        self.put_text(name)
    }

    /// Puts a line for the player about its own entity into the outbox. Returns its length; -1 for none.
    pub fn status(&mut self) -> i32 {
        let text = self.page.as_ref().and_then(GamePage::status);
        self.put_text(text)
    }

    /// Puts into the outbox what the record and the prediction of the own entity hold. Returns its length; -1 for none.
    pub fn explain(&mut self) -> i32 {
        let text = self.page.as_ref().and_then(GamePage::explain);
        self.put_text(text)
    }

    /// Puts into the outbox what a player reads after a close with this code. Returns its length.
    pub fn words_for_close(&mut self, code: u32) -> i32 {
        self.put_text(Some(texts::describe_close(code as u16)))
    }

    /// Puts into the outbox what the page must know of this core. Returns its length.
    pub fn describe(&mut self) -> i32 {
        self.put_text(Some(texts::describe_core::<R, S>()))
    }

    /// Where an array of the last picture is.
    pub fn array(&self, index: usize) -> *const f32 {
        self.page.as_ref().map_or(std::ptr::null(), |page| page.rows().values(index).as_ptr())
    }

    /// How many floats it has.
    pub fn array_len(&self, index: usize) -> usize {
        self.page.as_ref().map_or(0, |page| page.rows().values(index).len())
    }

    /// Where the server has the own entity, in units: x for 0, y for 1; not a number if it has none.
    pub fn recorded_place(&self, axis: u32) -> f64 {
        let place = self.page.as_ref().and_then(GamePage::recorded_place);
        place.map_or(f64::NAN, |place| if axis == 0 { place.x } else { place.y })
    }

    /// A hash of what the core holds; 0 before [`Self::start`].
    pub fn digest(&self) -> u32 {
        self.page.as_ref().map_or(0, GamePage::digest)
    }

    /// See [`Screen::trial`].
    pub fn trial(&mut self, seed: u32, steps: u32) -> u32 {
        S::trial(seed, steps)
    }
}

#[cfg(test)]
mod tests;
