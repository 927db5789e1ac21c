//! The Fracas game server, as a library that its binary and the tests use.
//!
//! A message's way in and out again: [`front`] takes sockets and [`admission`] decides who may stay, [`io`] reads them,
//! [`session`] knows whose they are and hands what was read to [`sim`], which runs a [`game`] (the built-in one is [`arena`]).
//! [`replication`] turns the result into what each player is told, and [`io`] writes it. [`ops`] is what operators see, [`host`]
//! what the machine has. [`run`] puts all of it together as [`config`] says.

pub mod config;
pub mod run;

pub mod admission;
pub mod front;
pub mod host;
pub mod io;
pub mod session;

pub mod game;
pub mod grid;
pub mod ids;
pub mod replication;
pub mod sim;

pub mod arena;

pub mod ops;
