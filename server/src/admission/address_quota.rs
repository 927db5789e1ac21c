//! How many connections or kept ships each address has. No I/O in here.

use dashmap::DashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The address that another counts for: an IPv6 host has a whole /64 to itself.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// How many each address has. Those that have none are not in it.
#[derive(Debug, Default)]
pub(crate) struct AddressQuota(DashMap<IpAddr, usize>);

impl AddressQuota {
    /// One more for an address, unless it has the most it may have.
    pub(crate) fn try_acquire(self: &Arc<Self>, network: IpAddr, most: usize) -> Option<QuotaGuard> {
        let mut count = self.0.entry(network).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(QuotaGuard { of: Arc::clone(self), network })
    }

    /// How many an address has.
    pub(crate) fn count(&self, network: IpAddr) -> usize {
        self.0.get(&network).map_or(0, |count| *count)
    }

    /// Addresses that have any.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What counts for an address until it is dropped.
#[derive(Debug)]
pub struct QuotaGuard {
    of: Arc<AddressQuota>,
    network: IpAddr,
}

impl Drop for QuotaGuard {
    fn drop(&mut self) {
        self.of.0.remove_if_mut(&self.network, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}
