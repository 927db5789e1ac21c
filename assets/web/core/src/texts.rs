//! What the page is told as lines of text: fields parted by tabs, records by line feeds. Names can hold neither.

use crate::rows::{RowSet, SHAPES};
use crate::screen::Screen;
use fracas_protocol::client::Event;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::{Aspect, Goodbye};

/// Why the own entity was not where it was predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An input came too late.
    Late,
    /// The server did something that nobody could foresee.
    Pushed,
    /// None that is known: the two ends do not do the same.
    Unexplained,
}

/// The text of an event, if the page wants to know of it.
pub(crate) fn describe<R: Rules, S: Screen<R>>(event: &Event<R>) -> Option<String> {
    match event {
        Event::Welcome(welcome) => {
            let token: String = welcome.token.0.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("welcome\t{token}\t{}\t{}", welcome.resumed, welcome.tick_rate))
        }
        Event::News(news) => S::news(news),
        Event::Goodbye(Goodbye { code, retry_after_ms }) => {
            let message = CloseReason::from_code(*code).map_or("", CloseReason::message);
            Some(format!("goodbye\t{code}\t{retry_after_ms}\t{message}"))
        }
        Event::Body { .. } | Event::InputApplied { .. } | Event::RoundTrip { .. } => None,
    }
}

/// The text of a correction: its tick, its cause, and by how many units.
pub(crate) fn describe_correction(tick: u32, cause: Cause, units: f64) -> String {
    let cause = match cause {
        Cause::Late => "late",
        Cause::Pushed => "pushed",
        Cause::Unexplained => "unexplained",
    };
    format!("correction\t{tick}\t{cause}\t{units:.2}")
}

/// What a player reads when a connection was closed with `code`, and whether the page may come back by itself: a `1` or a
/// `0`, a tab, the message.
pub(crate) fn describe_close(code: u16) -> String {
    match CloseReason::from_code(code) {
        Some(reason) => format!("{}\t{}", u8::from(reason.may_retry()), reason.message()),
        None => "1\tThe connection was lost.".into(),
    }
}

/// What the page must know of this core, as JSON: the layouts of its arrays, the names of shapes, and the sizes of views by
/// aspect.
pub(crate) fn describe_core<R: Rules, S: Screen<R>>() -> String {
    let arrays: Vec<_> = RowSet::new(S::ROWS).layouts().iter().map(|layout| layout.to_json()).collect();
    let views = Aspect::ALL.map(|aspect| {
        let (width, height) = aspect.view_size();
        format!("[{width},{height}]")
    });
    let shapes = SHAPES.join("\",\"");
    format!("{{\"arrays\":[{}],\"shapes\":[\"{shapes}\"],\"views\":[{}]}}", arrays.join(","), views.join(","))
}
