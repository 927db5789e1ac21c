//! What goes wrong inside the process: a panic in a room's game, and threads that die.
//!
//! - `poison`: the arena, but for steps that panic when a test wants it
//! - `rooms`: what a panic in one room does to it, and does not do to another
//! - `recorded`: what led to a panic leads there again
//! - `program`, `processes`: the same in the real program, and threads of it that die

#![cfg(feature = "arena")]

mod poison;
mod processes;
mod program;
mod recorded;
mod rooms;
