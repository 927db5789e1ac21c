//! The Fracas game server, for any game. A game's program is one line: `fracas_server::main::<Tag>()`.
//!
//! A message's way: [`front`] accepts sockets, [`admission`] decides which may stay, and [`io`] reads them. [`session`]
//! knows the players and hands their input to [`sim`], which runs a game.
//! [`replication`] turns the result into each player's frame, and [`io`] writes it. [`ops`] has metrics and the
//! operators' port. [`host`] reads what the machine has. [`run`] puts all of it together as [`config`] says.

pub mod config;
mod program;
pub mod run;

pub mod admission;
pub mod front;
pub mod host;
pub mod io;
pub mod session;

pub mod ids;
pub mod replication;
pub mod sim;

mod new_game;
pub mod testkit;

pub mod ops;

pub use program::{main, without_game};
