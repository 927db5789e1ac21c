//! What the machine has: descriptors, and memory as cgroups and the kernel tell it.

pub mod descriptors;
pub mod memory;
