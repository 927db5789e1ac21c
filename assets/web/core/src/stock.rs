//! The screen of a game that has a look: all that the stock page needs.

use crate::screen::Screen;
use fracas_protocol::client::Client;
use fracas_protocol::game::look::{Controls, Drawn, Look};
use fracas_protocol::ids::EntityId;

/// The screen that follows from a game's [`Look`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Stock;

impl<R: Look> Screen<R> for Stock {
    fn input(&mut self, controls: &Controls, _client: &Client<R>) -> R::Input {
        controls.into()
    }

    fn look(rules: &R, id: EntityId, entity: &R::Entity) -> Option<Drawn> {
        rules.look(id, entity)
    }

    fn parts(rules: &R, id: EntityId, entity: &R::Entity, part: &mut dyn FnMut([f32; 2], Drawn)) {
        rules.parts(id, entity, part);
    }

    fn ground(rules: &R) -> [f32; 2] {
        rules.ground()
    }

    fn news(news: &R::News) -> Option<String> {
        let line = R::news(news)?.replace(['\t', '\n'], " ");
        Some(format!("news\t{line}"))
    }

    fn status(rules: &R, entity: &R::Entity, own: &R::Own) -> Option<String> {
        rules.status(entity, own)
    }

    fn explain(record: &R::Entity, predicted: &R::Entity, own: &R::Own) -> Option<String> {
        Some(format!("record {record:?}\npredicted {predicted:?}\nown {own:?}"))
    }
}
