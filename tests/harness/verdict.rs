//! What came out of a proof, beside what must.

use serde::Serialize;

/// One thing that must hold.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRow {
    /// What was measured.
    pub what: String,
    /// What it is, with its unit.
    pub is: String,
    /// What it must be.
    pub must: String,
    /// Whether it is that.
    pub holds: bool,
    /// Whether it depends on how fast the machine is: then a busy one says nothing by missing it.
    pub is_speed: bool,
}

impl VerdictRow {
    fn new(what: impl Into<String>, is: String, must: String, holds: bool) -> Self {
        Self { what: what.into(), is, must, holds, is_speed: false }
    }

    /// A number with a unit that may be at most so much.
    pub fn at_most(what: impl Into<String>, is: f64, most: f64, unit: &str) -> Self {
        Self::new(what, format!("{is:.1} {unit}"), format!("<= {most:.1} {unit}"), is <= most)
    }

    /// A number with a unit that must be at least so much.
    pub fn at_least(what: impl Into<String>, is: f64, least: f64, unit: &str) -> Self {
        Self::new(what, format!("{is:.1} {unit}"), format!(">= {least:.1} {unit}"), is >= least)
    }

    /// One of two numbers by the other, at most so much.
    pub fn ratio(what: impl Into<String>, is: f64, most: f64) -> Self {
        Self::new(what, format!("{is:.3}"), format!("<= {most:.2}"), is <= most)
    }

    /// A number that must be just so.
    pub fn exactly(what: impl Into<String>, is: u64, must: u64) -> Self {
        Self::new(what, is.to_string(), must.to_string(), is == must)
    }

    /// A part of some that may be at most, or must be at least, so many percent.
    pub fn percent(what: impl Into<String>, part: u64, of: u64, bound: f64, is_least: bool) -> Self {
        let percent = if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 };
        let (sign, holds) = if is_least { (">=", percent >= bound) } else { ("<=", percent <= bound) };
        Self::new(what, format!("{percent:.3} % ({part} of {of})"), format!("{sign} {bound} %"), holds)
    }

    /// The same, of something that depends on how fast the machine is.
    #[must_use]
    pub fn speed(self) -> Self {
        Self { is_speed: true, ..self }
    }
}

/// All as a table in Markdown.
pub fn table(rows: &[VerdictRow]) -> String {
    let line = |row: &VerdictRow| {
        format!("| {} | {} | {} | {} |\n", row.what, row.is, row.must, if row.holds { "yes" } else { "NO" })
    };
    format!("| what | is | must | holds |\n|---|---|---|---|\n{}", rows.iter().map(line).collect::<String>())
}
