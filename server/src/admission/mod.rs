//! Who may come in: [`control`] decides, by quotas per address, budgets of joins, memory, and tokens that nobody knows. The
//! [`retry_scheduler`] says when those who may not are to come back. No I/O in here.

pub mod address_quota;
pub mod control;
pub mod join_budget;
mod keyed_limit;
pub mod memory_budget;
pub mod retry_scheduler;
pub mod token_abuse;
