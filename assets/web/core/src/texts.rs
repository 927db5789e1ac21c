//! Events for the page as lines of text: fields parted by tabs, records by line feeds. Names can hold neither.

use fracas_arena::rules::{Arena, News};
use fracas_protocol::client::Event;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::Goodbye;
use std::fmt::Write;

/// The text of an event, if the page wants to know of it.
pub(crate) fn describe(event: &Event<Arena>) -> Option<String> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match event {
        Event::Welcome(welcome) => {
            let token: String = welcome.token.0.iter().map(|byte| format!("{byte:02x}")).collect();
            write!(text, "welcome\t{token}\t{}\t{}", welcome.resumed, welcome.tick_rate)
        }
        Event::News(News::Leaderboard { players, rows }) => {
            let _ = write!(text, "leaderboard\t{players}");
            rows.iter().try_for_each(|row| write!(text, "\n{}\t{}", row.score, row.name))
        }
        Event::News(News::KillFeed { kills, more }) => {
            let _ = write!(text, "kills\t{more}");
            kills.iter().try_for_each(|kill| write!(text, "\n{}\t{}", kill.killer, kill.victim))
        }
        Event::News(News::Destroyed { by }) => write!(text, "destroyed\t{by}"),
        Event::News(News::Rail { hit, .. }) => write!(text, "rail\t{}", hit.map_or(-1, |id| i32::from(id.0))),
        Event::News(News::Density(tiles)) => {
            let _ = write!(text, "density");
            tiles.iter().try_for_each(|ships| write!(text, "\t{ships}"))
        }
        Event::Goodbye(Goodbye { code, retry_after_ms }) => {
            let message = CloseReason::from_code(*code).map_or("", CloseReason::message);
            write!(text, "goodbye\t{code}\t{retry_after_ms}\t{message}")
        }
        Event::Body { .. } | Event::InputApplied { .. } | Event::RoundTrip { .. } => return None,
    };
    Some(text)
}

/// What a player reads when a connection was closed with `code`, and whether the page may come back by itself: a `1` or a
/// `0`, a tab, the message.
pub(crate) fn describe_close(code: u16) -> String {
    match CloseReason::from_code(code) {
        Some(reason) => format!("{}\t{}", u8::from(reason.may_retry()), reason.message()),
        None => "1\tThe connection was lost.".into(),
    }
}
