use crate::ports::store::Role;

/// Something an API key may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Describe farms, nodes and identities.
    CatalogWrite,
    /// Read them, and currencies.
    CatalogRead,
    /// Describe currencies.
    CurrenciesWrite,
    /// Push rates of currencies that are described.
    RatesPush,
    /// Price orders and open reservations.
    ReservationsOpen,
    /// Read reservations and their payments.
    ReservationsRead,
    /// Read pools.
    PoolsRead,
    /// Read events.
    EventsRead,
    /// Read all money that came, whosever it is, and what is owed.
    MoneyRead,
    /// Read who decided what.
    AuditRead,
    /// Decide what becomes of held reservations.
    ReservationsResolve,
}

impl Permission {
    /// For people: `this key may not …`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatalogWrite => "change farms, nodes and identities",
            Self::CurrenciesWrite => "describe currencies",
            Self::RatesPush => "push currencies' rates",
            Self::CatalogRead => "read farms, nodes, identities and currencies",
            Self::ReservationsOpen => "open reservations",
            Self::ReservationsRead => "read reservations",
            Self::PoolsRead => "read pools",
            Self::EventsRead => "read events",
            Self::MoneyRead => "read all money that came and is owed",
            Self::AuditRead => "read the audit log",
            Self::ReservationsResolve => "decide about held reservations",
        }
    }
}

/// True if a key of this role may do that.
pub const fn allows(role: Role, permission: Permission) -> bool {
    use Permission as P;
    match role {
        Role::Operator => true,
        Role::Explorer => match permission {
            P::CatalogWrite
            | P::CatalogRead
            | P::ReservationsOpen
            | P::ReservationsRead
            | P::PoolsRead
            | P::EventsRead => true,
            P::CurrenciesWrite | P::RatesPush | P::MoneyRead | P::AuditRead | P::ReservationsResolve => false,
        },
        Role::Auditor => match permission {
            P::CatalogRead
            | P::ReservationsRead
            | P::PoolsRead
            | P::EventsRead
            | P::MoneyRead
            | P::AuditRead => true,
            P::CatalogWrite
            | P::CurrenciesWrite
            | P::RatesPush
            | P::ReservationsOpen
            | P::ReservationsResolve => false,
        },
        Role::Node => matches!(permission, P::PoolsRead | P::CatalogRead),
        Role::Farmer => matches!(permission, P::ReservationsRead | P::CatalogRead),
        Role::Rates => matches!(permission, P::RatesPush | P::CatalogRead),
    }
}

/// The roles whose keys may do that.
pub fn roles_that_may(permission: Permission) -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| allows(*role, permission)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_explorers_and_operators_change_anything() {
        for permission in [Permission::CatalogWrite, Permission::ReservationsOpen] {
            assert_eq!(roles_that_may(permission), [Role::Explorer, Role::Operator]);
        }
    }

    #[test]
    fn currencies_are_the_operators_and_rates_also_a_feeds() {
        assert_eq!(roles_that_may(Permission::CurrenciesWrite), [Role::Operator]);
        assert_eq!(roles_that_may(Permission::RatesPush), [Role::Rates, Role::Operator]);
    }

    #[test]
    fn only_operators_decide_about_money_and_auditors_see_it_all() {
        assert_eq!(roles_that_may(Permission::ReservationsResolve), [Role::Operator]);
        for permission in [Permission::MoneyRead, Permission::AuditRead] {
            assert_eq!(roles_that_may(permission), [Role::Operator, Role::Auditor]);
        }
    }

    #[test]
    fn a_node_reads_pools_and_a_farmer_reservations() {
        assert!(allows(Role::Node, Permission::PoolsRead));
        assert!(!allows(Role::Node, Permission::ReservationsRead));
        assert!(allows(Role::Farmer, Permission::ReservationsRead));
        assert!(!allows(Role::Farmer, Permission::PoolsRead));
        assert!(allows(Role::Auditor, Permission::EventsRead));
    }
}
