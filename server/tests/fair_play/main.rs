//! Players who cheat get no more movement, shots or rewind than the rules give.

#![cfg(feature = "arena")]

mod inputs;
mod leaving;
mod rails;
mod stage;
