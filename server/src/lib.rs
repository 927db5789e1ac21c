//! The Fracas game server, as a library that its binary and the tests use.
//!
//! A message's way in and out again: [`net`] takes sockets and reads them, [`session`] knows whose they are, [`channel`]
//! hands what was read to [`sim`], which runs a [`game`] (the built-in one is [`arena`]), [`replication`] turns the result
//! into what each player is told, and [`net`] writes it. [`run`] puts all of it together as [`config`] says.

pub mod config;
pub mod run;
pub mod shutdown;

pub mod net;
pub mod session;

pub mod channel;
pub mod join_refusal;

pub mod game;
pub mod replication;
pub mod sim;

pub mod arena;

pub mod telemetry;
