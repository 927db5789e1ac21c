//! Who is refused as full meets as many who are seated, or whose ship is kept: places that rest refuse nobody.

use fracas_server::channel::Admission;
use fracas_server::join_refusal::JoinRefusal;
use fracas_server::sim::roster::{Capacity, Headcount};

/// Judges a tick's answers to joins. `here` is who was there after it, and `ended` sessions had ended on it.
pub(crate) fn check(admissions: &[Admission], ended: usize, here: Headcount, capacity: Capacity) -> Result<(), String> {
    let refused = admissions.iter().filter(|admission| admission.verdict.err() == Some(JoinRefusal::Full)).count();
    let is_full = |here: u16, most: u16| usize::from(here) + ended >= usize::from(most);
    let may_be = is_full(here.people, capacity.people) || is_full(here.spectators, capacity.spectators);
    if refused > 0 && !may_be {
        return Err(format!("{refused} refused as full by {here:?} of {capacity:?}"));
    }
    Ok(())
}
