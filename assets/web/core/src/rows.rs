//! What the page reads in place: arrays of floats, in rows whose fields have names. The core tells the page their layout.

/// The arrays that every core has.
const OF_EVERY_CORE: [RowLayout; 3] = [ENTITIES.layout(), STATE.layout(), NET.layout()];

/// Entities as they are shown. `x` and `y` are seen from the camera. `player` is the id of the player's entity that it
/// is or belongs to, or -1. `own` is 1 for what is the player's own. `shape` is an index into [`SHAPES`], `heading` is
/// in turns, `colour` is -1 for one by id.
pub(crate) static ENTITIES: Rows<13> = Rows::at(
    0,
    "entities",
    ["x", "y", "id", "player", "own", "shape", "width", "height", "heading", "colour", "strength", "ring", "label"],
);

/// The names of shapes.
pub(crate) const SHAPES: [&str; 3] = ["disc", "wedge", "bar"];

/// One row: where the camera is and how large the ground is, in units, the last tick received, and what was counted.
pub(crate) static STATE: Rows<15> = Rows::at(
    1,
    "state",
    [
        "x",
        "y",
        "groundWidth",
        "groundHeight",
        "ownId",
        "tick",
        "hz",
        "aspect",
        "known",
        "bodies",
        "inputs",
        "corrections",
        "mismatches",
        "desyncs",
        "resyncs",
    ],
);

/// One row: how the line and the server do. Times are in milliseconds, -1 if not known.
pub(crate) static NET: Rows<13> = Rows::at(
    2,
    "net",
    [
        "rtt",
        "jitter",
        "age",
        "slack",
        "lead",
        "work",
        "period",
        "late",
        "pushed",
        "unexplained",
        "serverStalls",
        "networkStalls",
        "starved",
    ],
);

/// The name of an array and of the floats of one row.
#[derive(Clone, Copy, Debug)]
pub struct RowLayout {
    name: &'static str,
    fields: &'static [&'static str],
}

/// An array whose rows have `N` floats.
#[derive(Debug)]
pub struct Rows<const N: usize> {
    index: usize,
    name: &'static str,
    fields: [&'static str; N],
}

impl<const N: usize> Rows<N> {
    /// An array of the game's own: the one with this index in [`Screen::ROWS`](crate::Screen::ROWS).
    pub const fn own(index: usize, name: &'static str, fields: [&'static str; N]) -> Self {
        Self::at(OF_EVERY_CORE.len() + index, name, fields)
    }

    const fn at(index: usize, name: &'static str, fields: [&'static str; N]) -> Self {
        Self { index, name, fields }
    }

    /// Its layout.
    pub const fn layout(&'static self) -> RowLayout {
        RowLayout { name: self.name, fields: &self.fields }
    }
}

/// The arrays of one picture.
#[derive(Debug)]
pub struct RowSet {
    layouts: Vec<RowLayout>,
    values: Vec<Vec<f32>>,
}

impl RowSet {
    pub(crate) fn new(own: &[RowLayout]) -> Self {
        let layouts = [&OF_EVERY_CORE, own].concat();
        Self { values: layouts.iter().map(|_| Vec::new()).collect(), layouts }
    }

    pub(crate) fn clear(&mut self) {
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// Adds a row.
    pub fn push<const N: usize>(&mut self, rows: &Rows<N>, row: [f32; N]) {
        debug_assert_eq!(self.layouts[rows.index].name, rows.name, "the array is at another place");
        self.values[rows.index].extend_from_slice(&row);
    }

    /// An array by its number; an empty one if there is none.
    pub(crate) fn values(&self, index: usize) -> &[f32] {
        self.values.get(index).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[f32]> {
        self.values.iter().map(Vec::as_slice)
    }

    pub(crate) fn layouts(&self) -> &[RowLayout] {
        &self.layouts
    }
}

impl RowLayout {
    /// Its name and its fields, as JSON. Names are plain words, so nothing is escaped.
    pub(crate) fn to_json(self) -> String {
        format!("{{\"name\":\"{}\",\"fields\":[\"{}\"]}}", self.name, self.fields.join("\",\""))
    }
}
