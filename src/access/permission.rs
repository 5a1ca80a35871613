use crate::ports::store::Role;

/// Something an API key may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Describe farms, nodes, identities and currencies.
    CatalogWrite,
    /// Read them.
    CatalogRead,
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
            Self::CatalogWrite => "change farms, nodes, identities and currencies",
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
    match (role, permission) {
        (Role::Operator, _) => true,
        (Role::Explorer, Permission::MoneyRead | Permission::AuditRead | Permission::ReservationsResolve) => {
            false
        }
        (Role::Explorer, _) => true,
        (
            Role::Auditor,
            Permission::CatalogWrite | Permission::ReservationsOpen | Permission::ReservationsResolve,
        ) => false,
        (Role::Auditor, _) => true,
        (Role::Node, Permission::PoolsRead | Permission::CatalogRead) => true,
        (Role::Node, _) => false,
        (Role::Farmer, Permission::ReservationsRead | Permission::CatalogRead) => true,
        (Role::Farmer, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_explorers_and_operators_change_anything() {
        for permission in [Permission::CatalogWrite, Permission::ReservationsOpen] {
            let allowed: Vec<Role> = Role::ALL.into_iter().filter(|role| allows(*role, permission)).collect();
            assert_eq!(allowed, [Role::Explorer, Role::Operator]);
        }
    }

    #[test]
    fn only_operators_decide_about_money_and_auditors_see_it_all() {
        let allowed = |permission| -> Vec<Role> {
            Role::ALL.into_iter().filter(|role| allows(*role, permission)).collect()
        };
        assert_eq!(allowed(Permission::ReservationsResolve), [Role::Operator]);
        for permission in [Permission::MoneyRead, Permission::AuditRead] {
            assert_eq!(allowed(permission), [Role::Operator, Role::Auditor]);
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
