//! The simulation: one thread that runs its rooms at a fixed rate, and waits for no other thread.
//!
//! Nothing in here or in `replication` names a socket, a runtime or a lock.

pub mod channel;
pub mod clock;
mod debts;
pub mod display_names;
mod game_tick;
pub mod idle;
pub mod input_buffer;
pub mod join_refusal;
mod output_pool;
pub mod overload;
mod panics;
pub mod phase;
mod recorded_game;
pub mod recording;
pub mod room;
pub mod rooms;
pub mod roster;
mod spectator_feed;
pub mod tick_loop;
pub mod tick_params;
mod view_estimate;
