//! What the machine has: descriptors and their limit, and memory as cgroups and the kernel tell it.

pub mod descriptors;
pub mod memory;
pub(crate) mod rlimit;
