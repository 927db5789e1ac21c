//! Control messages: whatever can be read is written as it was read, and nothing else can.
#![no_main]

use fracas_arena::rules::Arena;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf};
use fracas_protocol::name::Name;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 3 {
        0 => read::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(bytes),
        1 => read::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(bytes),
        _ => {
            if let Ok(name) = std::str::from_utf8(bytes).map(Name::parse)
                && let Ok(name) = name
            {
                assert_eq!(Name::parse(&name.to_string()), Ok(name.clone()), "a good name stays as it is");
            }
        }
    }
});

fn read<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug, const MAX: usize>(bytes: &[u8]) {
    let Ok(message) = codec::decode::<T, MAX>(bytes) else { return };
    let mut again = Vec::new();
    codec::encode(&message, &mut again);
    assert_eq!(again, bytes, "a message has one form only");
}
