//! News reaches those it is for, in the order in which it was told, and none twice.

use crate::annals::Annals;

/// How far a connection is among all news.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// What is before was told, or will not be.
    next: usize,
}

impl Heard {
    /// Somebody who listens from now on.
    pub(crate) fn new(annals: &Annals) -> Self {
        Self { next: annals.notices.len() }
    }

    /// Somebody in `place` hears news.
    pub(crate) fn check(&mut self, place: Option<u16>, message: &[u8], annals: &Annals) -> Result<(), String> {
        let to_come = annals.notices.iter().enumerate().skip(self.next);
        let mut its = to_come.filter(|(_, notice)| notice.message == message);
        match its.find(|(_, notice)| notice.to.is_none_or(|to| place == Some(to))) {
            Some((index, _)) => {
                self.next = index + 1;
                Ok(())
            }
            None => Err("it hears news that is not for it, or that it has heard, or that is older".into()),
        }
    }
}
