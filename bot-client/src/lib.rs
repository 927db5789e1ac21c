//! Headless clients of Fracas: what a [`bot`] is made of, and a [`swarm`] of them that puts a server under load and
//! measures what comes back.
//!
//! A bot is a [`link`] to the server, the protocol's client state machine, and a [`brain`] that decides what to do. It
//! decodes every frame, keeps a replica, and checks it against the hashes that the server sends.

pub mod conditioner;
pub mod link;

pub mod bot;
pub mod brain;

pub mod report;
pub mod swarm;
