//! The one way out of a connection: one buffer for frames, control messages and the WebSocket layer's own replies, in order,
//! which leave by one `send` per tick.

/// The first byte of a whole WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 0x81,
    Binary = 0x82,
}

/// Longest header of an unmasked frame.
const HEADER_MAX: usize = 10;

/// Appends a binary message whose payload `fill` appends. Appends nothing if the payload is empty.
pub(crate) fn append_frame(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let (start, mut is_empty) = (out.len(), true);
    append_message(Opcode::Binary, out, |out| {
        let before = out.len();
        fill(out);
        is_empty = out.len() == before;
    });
    if is_empty {
        out.truncate(start);
    }
}

/// Appends a message whose payload `fill` appends. The header's length depends on the payload's. So room for the
/// longest header is left, and the payload is moved down.
fn append_message(opcode: Opcode, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_MAX]);
    let payload = start + HEADER_MAX;
    fill(out);
    let len = out.len() - payload;
    let mut header = [opcode as u8; HEADER_MAX];
    let header_len = match len {
        0..126 => {
            header[1] = len as u8;
            2
        }
        126..65_536 => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    };
    out[start..start + header_len].copy_from_slice(&header[..header_len]);
    out.copy_within(payload.., start + header_len);
    out.truncate(start + header_len + len);
}

/// Capacity of an emptied outbox that is kept for the next control message. More is given back.
const CAPACITY_KEPT: usize = 256;

/// What waits for one peer's next write: the rest of a frame, replies of the WebSocket layer, control messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: Vec<u8>,
    /// How much of it is sent already. Moving the rest down after each send would cost more than the send.
    gone: usize,
    /// The bodies in the frame whose rest is pending. They count as sent when the last byte is.
    frame_bodies: u64,
    /// Bytes of the WebSocket layer's replies since nothing was pending.
    replies: usize,
}

/// The result of one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes that the kernel took.
    pub bytes: usize,
    /// Bodies whose last byte was among them.
    pub bodies: u64,
    /// The new frames are on their way, whole or begun.
    pub frames_went: bool,
    /// The kernel did not take everything.
    pub is_blocked: bool,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn pending_len(&self) -> usize {
        self.pending.len() - self.gone
    }

    /// Pending bytes of the WebSocket layer's replies. Other pending bytes are not the peer's doing.
    pub(crate) fn replies_len(&self) -> usize {
        self.replies
    }

    /// Adds what the WebSocket layer replies in `step`.
    pub(crate) fn reply<T>(&mut self, step: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.pending.len();
        let result = step(&mut self.pending);
        self.replies += self.pending.len() - before;
        result
    }

    /// Adds a message whose payload `fill` appends.
    pub(crate) fn say(&mut self, opcode: Opcode, fill: impl FnOnce(&mut Vec<u8>)) {
        append_message(opcode, &mut self.pending, fill);
    }

    /// What is to be sent: what is pending and then `frames`; `buffer` is for putting them together.
    pub(crate) fn to_send<'a>(&'a self, buffer: &'a mut Vec<u8>, frames: &'a [u8]) -> &'a [u8] {
        match (&self.pending[self.gone..], frames) {
            (waiting, []) => waiting,
            ([], _) => frames,
            (waiting, _) => {
                buffer.clear();
                buffer.extend_from_slice(waiting);
                buffer.extend_from_slice(frames);
                buffer
            }
        }
    }

    /// So many bytes of [`Self::to_send`] went, whose `frames` hold `bodies` bodies. A frame of which nothing went is dropped
    /// whole; one that was begun is finished first next time.
    pub(crate) fn record_sent(&mut self, sent: usize, frames: &[u8], bodies: u64) -> Delivery {
        let before = self.pending_len();
        let is_blocked = sent < before + frames.len();
        let mut delivery = Delivery { bytes: sent, is_blocked, ..Delivery::default() };
        if sent < before {
            self.gone += sent;
            return delivery;
        }
        delivery.bodies = std::mem::take(&mut self.frame_bodies);
        if sent > before {
            delivery.frames_went = true;
            let rest = &frames[sent - before..];
            if rest.is_empty() {
                delivery.bodies += bodies;
            } else {
                self.frame_bodies = bodies;
            }
            self.pending.clear();
            self.pending.extend_from_slice(rest);
        } else {
            self.pending.clear();
        }
        (self.gone, self.replies) = (0, 0);
        if self.pending.is_empty() {
            self.pending.shrink_to(CAPACITY_KEPT);
        }
        delivery
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_fits_the_length() {
        for (len, header) in [
            (0, vec![0x82, 0]),
            (1, vec![0x82, 1]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (70_000, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 17, 112]),
        ] {
            let mut out = vec![9];
            append_message(Opcode::Binary, &mut out, |out| out.extend(std::iter::repeat_n(7, len)));
            assert_eq!(out[1..1 + header.len()], header);
            assert_eq!(out.len(), 1 + header.len() + len);
            assert!(out[1 + header.len()..].iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn a_frame_of_nothing_is_none() {
        let mut out = vec![9];
        append_frame(&mut out, |_| ());
        assert_eq!(out, [9]);
    }
}
