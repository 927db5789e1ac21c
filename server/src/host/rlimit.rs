//! The limit of open descriptors: each connection needs one, and the usual limit is made for less.

use std::io;

/// Raises the limit to what the system allows, and returns that; none if there is no limit.
pub(crate) fn raise_descriptors() -> io::Result<Option<u64>> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    Ok((limit < rlimit::INFINITY).then_some(limit))
}
