//! The limits of the machine: descriptors, and memory by cgroups and the kernel.

pub mod descriptors;
pub mod memory;
pub(crate) mod rlimit;
