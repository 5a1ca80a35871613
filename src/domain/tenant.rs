//! Tenants: marketplaces that share one installation and do not see each other.
//!
//! Farms, nodes, identities, reservations and pools belong to one tenant, as the API key that describes or
//! orders them does. The numbers that a marketplace gives to its farms, nodes and identities name them within
//! its tenant: farm 17 of one tenant and farm 17 of another are two farms.

use std::fmt;
use std::str::FromStr;

/// Longest name of a tenant, in bytes.
pub const TENANT_BYTES_MAX: usize = 32;
/// The tenant of everything that was there before there were tenants, and of keys for which none is named.
const DEFAULT: &str = "default";

/// A tenant, by its name: 1 to [`TENANT_BYTES_MAX`] of `a`–`z`, `0`–`9` and `-`, the first no `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

/// A text that is no tenant's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name is 1 to {TENANT_BYTES_MAX} of a-z, 0-9 and -, and begins with no -")]
pub struct TenantError;

impl Tenant {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the tenant `default`.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl FromStr for Tenant {
    type Err = TenantError;

    fn from_str(text: &str) -> Result<Self, TenantError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=TENANT_BYTES_MAX).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-');
        if is_name { Ok(Self(text.to_owned())) } else { Err(TenantError) }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::address::serde_as_text!(Tenant);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["default", "a", "0", "acme-2", &"t".repeat(TENANT_BYTES_MAX)] {
            assert_eq!(name.parse::<Tenant>().unwrap().as_str(), name);
        }
        for text in ["", "-a", "A", "a b", "a/b", "ä", &"t".repeat(TENANT_BYTES_MAX + 1)] {
            assert_eq!(text.parse::<Tenant>(), Err(TenantError), "{text}");
        }
        assert!(Tenant::default().is_default());
        assert!(!"acme".parse::<Tenant>().unwrap().is_default());
    }
}
