//! Where each setting came from, for messages.

use std::collections::BTreeMap;

/// Where each setting that is not a default came from, as a message names it.
#[derive(Debug, Default)]
pub(super) struct Sources(pub(super) BTreeMap<String, String>);

impl Sources {
    /// A setting with its place.
    pub(super) fn of(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| format!("--{name}"))
    }

    /// Whether anybody has set it.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
