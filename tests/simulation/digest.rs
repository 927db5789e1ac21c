//! A 64-bit digest of everything a seed did, which must be the same on every machine and in every build.

/// Folds words into one, in order (FNV-1a over words, with a rotation that brings high bits down).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold(u64);

impl Default for Fold {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fold {
    pub(crate) fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}
