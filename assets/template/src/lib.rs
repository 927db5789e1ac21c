//! A game on Fracas.

pub mod game;

#[cfg(feature = "web")]
fracas_web::core!(game::Meadow);
