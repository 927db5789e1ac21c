//! How many connections or kept entities each address has. No I/O in here.

use dashmap::DashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The network of an address. An IPv6 host has a whole /64 to itself.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// How many each address has. Addresses with none are not stored.
#[derive(Debug, Default)]
pub(crate) struct AddressQuota(DashMap<IpAddr, usize>);

impl AddressQuota {
    /// Counts one more for an address, unless it has its maximum.
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

    /// How many addresses have any.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One unit of an address's quota. It counts until it is dropped.
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
