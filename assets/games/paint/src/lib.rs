//! Paint: a board of 64 by 64 cells that all players colour. It mostly stands still; only the brushes move.

use fracas_protocol::{page_files, prelude::*};

/// Cells along the board's side, and along a block's. A block is known as a whole, or not at all.
const BOARD: i32 = 64;
const BLOCK: i32 = 8;
/// Blocks, each an entity of nobody.
const BLOCKS: u16 = (BOARD / BLOCK * BOARD / BLOCK) as u16;
/// Side of a cell, in quanta.
const CELL: i32 = 10 * QUANTA_PER_UNIT;
/// Colours, 0 for a cell that nobody has painted, and the bits of one.
const COLOURS: u8 = 8;
const COLOUR_BITS: u32 = 3;
/// With more changed cells than this a whole block takes fewer bits.
const CHANGES_MAX: u32 = 20;

/// A block of cells, or the brush of a player.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// Where a brush is, or the middle of a block.
    mover: Mover,
    /// What a brush paints with.
    colour: u8,
    /// The colours of a block's cells, row by row. Which of the two a thing is follows from its id.
    cells: Option<[[u8; BLOCK as usize]; BLOCK as usize]>,
}

impl Default for Thing {
    fn default() -> Self {
        Self { mover: Mover::default(), colour: 1, cells: None }
    }
}

/// A player's input for one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    heading: Option<Heading>,
    is_down: bool,
    /// To take the next colour, once.
    is_next: bool,
}

impl Intent for Stroke {
    fn held(self) -> Self {
        Self { is_next: false, ..self }
    }

    fn merge(&mut self, earlier: Self) {
        self.is_next |= earlier.is_next;
    }
}

impl From<&Controls> for Stroke {
    fn from(controls: &Controls) -> Self {
        Self { heading: controls.direction, is_down: controls.primary, is_next: controls.secondary }
    }
}

/// The rules, for one tick rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paint(TickRate);

fn code_cell<C: Coder>(cell: &mut u8, coder: &mut C) -> Result<(), WireError> {
    *cell = coder.uint(u32::from(*cell), COLOUR_BITS)? as u8;
    Ok(())
}

impl Rules for Paint {
    type Entity = Thing;
    type Input = Stroke;
    type Own = ();
    type World = ();
    type News = ();

    const IDS: IdLayout = IdLayout { unowned: BLOCKS, per_player: 1 };

    fn new(rate: TickRate, _data: &[u8]) -> Result<Self, DataError> {
        Ok(Self(rate))
    }

    fn position(thing: &Thing) -> Point {
        thing.mover.position
    }

    fn blank(&self, id: EntityId) -> Thing {
        if Self::IDS.owner(id).is_some() {
            return Thing::default();
        }
        let (row, column) = (i32::from(id.0) / (BOARD / BLOCK), i32::from(id.0) % (BOARD / BLOCK));
        let middle = |index: i32| (2 * index + 1) * BLOCK * CELL / 2;
        let mover = Mover::at(Point { x: middle(column), y: middle(row) });
        Thing { mover, cells: Some([[0; BLOCK as usize]; BLOCK as usize]), ..Thing::default() }
    }

    fn predict(&self, thing: &mut Thing) -> Fate {
        let top = speed(240, self.0);
        thing.mover.advance(top, top / 4, BOARD * CELL - 1);
        Fate::Lives
    }

    fn play(&self, brush: &mut Thing, _own: &mut (), input: &Stroke) {
        brush.mover.heading = input.heading;
        brush.colour = (brush.colour + u8::from(input.is_next)) % COLOURS;
        self.predict(brush);
    }

    fn code<C: Coder>(&self, thing: &mut Thing, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        if let Some(cells) = &mut thing.cells {
            return cells.as_flattened_mut().iter_mut().try_for_each(|cell| code_cell(cell, coder));
        }
        thing.mover.code(anchor, coder)?;
        code_cell(&mut thing.colour, coder)
    }

    fn code_delta<C: Coder>(
        &self,
        before: &Thing,
        now: &mut Thing,
        target: &Thing,
        coder: &mut C,
    ) -> Result<(), WireError> {
        let (Some(old), Some(cells), Some(new)) = (&before.cells, &mut now.cells, &target.cells) else {
            *now = *target;
            return self.code(now, Some(before.mover.position), coder);
        };
        let (old, cells, new) = (old.as_flattened(), cells.as_flattened_mut(), new.as_flattened());
        let mut changes = (0..new.len()).filter(|cell| old[*cell] != new[*cell]);
        let few = Some(changes.clone().count() as u32).filter(|count| *count <= CHANGES_MAX);
        // Which cells change, if they are few; 0 for all of them.
        let count = coder.count(few.unwrap_or(0), CHANGES_MAX)?;
        if count == 0 {
            *now = *target;
            return self.code(now, None, coder);
        }
        for _ in 0..count {
            let cell = coder.uint(changes.next().unwrap_or(0) as u32, 6)? as usize;
            cells[cell] = new[cell];
            code_cell(&mut cells[cell], coder)?;
        }
        Ok(())
    }
}

/// What only the server decides: the colours of the cells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Board {
    paint: Paint,
    rng: Rng,
    blocks: Vec<Thing>,
    brushes: Slots<Thing>,
}

impl Game for Board {
    type Rules = Paint;
    type Debt = ();
    type Brain = Painter;
    const NAME: &'static str = "paint";
    const PAGE: &'static [PageFile] = page_files!("page": "core.wasm");

    fn new(GameSetup { rules, seed, .. }: GameSetup<'_, Paint>) -> Self {
        let blocks = (0..BLOCKS).map(|id| rules.blank(EntityId(id))).collect();
        Self { paint: rules, rng: Rng::new(seed, 1), blocks, brushes: Slots::default() }
    }

    fn rules(&self) -> &Paint {
        &self.paint
    }

    fn join(&mut self, player: PlayerId, _joiner: &Joiner<()>) {
        let mut place = || self.rng.between(0, BOARD * CELL - 1);
        let position = Point { x: place(), y: place() };
        self.brushes.insert(player, Thing { mover: Mover::at(position), ..Thing::default() });
    }

    fn leave(&mut self, player: PlayerId) {
        self.brushes.remove(player);
    }

    fn step(&mut self, _tick: Tick, inputs: &[PlayerInput<Stroke>]) {
        // Of those who paint one cell on one tick the last counts: none is always the last.
        let (later, first) = inputs.split_at(self.rng.below(inputs.len() as u32) as usize);
        for told in first.iter().chain(later) {
            let Some(brush) = self.brushes.get_mut(told.player) else { continue };
            self.paint.play(brush, &mut (), &told.input);
            let (x, y) = (brush.mover.position.x / CELL, brush.mover.position.y / CELL);
            let block = &mut self.blocks[(y / BLOCK * (BOARD / BLOCK) + x / BLOCK) as usize];
            if let Some(cells) = block.cells.as_mut().filter(|_| told.input.is_down) {
                cells[(y % BLOCK) as usize][(x % BLOCK) as usize] = brush.colour;
            }
        }
    }

    fn truth(&self, out: &mut Vec<(EntityId, Thing)>) {
        out.extend(self.blocks.iter().enumerate().map(|(id, block)| (EntityId(id as u16), *block)));
        out.extend(self.brushes.entities::<Paint>());
    }
}

/// A bot: walks about, and paints some of the way.
#[derive(Clone, Debug)]
pub struct Painter(Rng, Stroke);

impl Brain<Paint> for Painter {
    const KINDS: &'static [BrainKind] = &[BrainKind::new("paint", "Walks about and paints.")];

    fn new(_kind: usize, _skill: Skill, seed: u64) -> Self {
        Self(Rng::new(seed, 3), Stroke::default())
    }

    fn think(&mut self, _sight: &Sight<'_, Paint>) -> Stroke {
        let Self(rng, stroke) = self;
        if rng.chance(1, 20) {
            let heading = Heading::new(rng.below(u32::from(Heading::TURN)) as u16);
            *stroke = Stroke { heading: Some(heading), is_down: rng.chance(2, 3), is_next: rng.chance(1, 4) };
        }
        std::mem::replace(stroke, stroke.held())
    }
}

impl Look for Paint {
    fn look(&self, id: EntityId, thing: &Thing) -> Option<Drawn> {
        let brush = Drawn::new(Shape::Disc { radius: 6.0 }, Colour::Palette(thing.colour)).with_ring(true).with_label();
        Self::IDS.owner(id).map(|_| brush)
    }

    fn ground(&self) -> [f32; 2] {
        [(BOARD * CELL / QUANTA_PER_UNIT) as f32; 2]
    }

    fn parts(&self, _id: EntityId, thing: &Thing, part: &mut dyn FnMut([f32; 2], Drawn)) {
        let side = (CELL / QUANTA_PER_UNIT) as f32;
        let cells = thing.cells.iter().flat_map(|rows| rows.as_flattened()).enumerate();
        for (cell, colour) in cells.filter(|(_, colour)| **colour > 0) {
            let offset = |index: i32| (index as f32 + 0.5 - BLOCK as f32 / 2.0) * side;
            let at = [offset(cell as i32 % BLOCK), offset(cell as i32 / BLOCK)];
            part(at, Drawn::new(Shape::Bar { width: side, height: side }, Colour::Palette(*colour)));
        }
    }
}

#[cfg(feature = "web")]
fracas_web::core!(Paint);
