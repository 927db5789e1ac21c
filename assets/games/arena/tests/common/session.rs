//! A recorded session: the frames one player got, and what its view was after each.

#![allow(dead_code, reason = "each test uses its part")]

use fracas_arena::rules::Arena;
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::DataId;
use fracas_protocol::tick::TickRate;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file among the protocol's vectors.
pub(crate) fn vector_path(file: &str) -> PathBuf {
    // Other crates' tests use this too, from folders of other depths.
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("protocol/vectors"));
    above.find(|vectors| vectors.is_dir()).expect("the vectors are there").join(file)
}

pub(crate) const SESSION: &str = "session.json";

#[derive(Serialize, Deserialize)]
pub(crate) struct Session {
    /// The game's start-up data, which is text.
    pub(crate) data: String,
    pub(crate) data_id: DataId,
    pub(crate) tick_hz: TickRate,
    pub(crate) frames: Vec<Frame>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Frame {
    pub(crate) tick: u32,
    /// Entities known after it.
    pub(crate) known: usize,
    /// The hash of the known list after it.
    pub(crate) hash: u32,
    pub(crate) hex: String,
}

impl Session {
    pub(crate) fn ruleset(&self) -> Ruleset<Arena> {
        Ruleset::new(self.tick_hz, StartData::new(self.data.as_bytes())).expect("a map")
    }

    pub(crate) fn rules(&self) -> Arena {
        self.ruleset().rules().clone()
    }
}

pub(crate) fn load() -> Session {
    let text = std::fs::read_to_string(vector_path(SESSION)).expect("the file is there");
    serde_json::from_str(&text).expect("the file is a session")
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    let digits = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}
