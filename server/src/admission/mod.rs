//! Admission. [`control`] decides by quotas per address, budgets of joins, memory, and unknown tokens. The
//! [`retry_scheduler`] says when refused clients should retry. No I/O in here.

pub mod address_quota;
pub mod control;
pub mod join_budget;
mod keyed_limit;
pub mod memory_budget;
pub mod retry_scheduler;
pub mod token_abuse;
