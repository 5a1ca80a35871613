//! Bugs that services like this one have had, to be found by the simulator.
//!
//! Only with the cargo feature `simulated-bugs`; they are made by what stands between the engine and its
//! ports.

use std::fmt;
use std::str::FromStr;

/// A known bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A submission whose outcome is not known is taken for a failure, and its transfers are built again.
    RebuildOn504,
    /// How far the history was read is committed before what follows from it.
    CursorBeforeEffects,
    /// Everything that goes back goes to whoever paid first.
    RefundToFirstPayer,
    /// Nobody notices that the database went back, and what is not stored any more is built again.
    UnseenGoingBack,
}

/// A name that no bug has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no bug named `{name}`; there are {}", Bug::ALL.map(Bug::name).join(", "))]
pub struct UnknownBug {
    /// What was given.
    pub name: String,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::RebuildOn504, Self::CursorBeforeEffects, Self::RefundToFirstPayer, Self::UnseenGoingBack];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RebuildOn504 => "rebuild-on-504",
            Self::CursorBeforeEffects => "cursor-before-effects",
            Self::RefundToFirstPayer => "refund-to-first-payer",
            Self::UnseenGoingBack => "unseen-going-back",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(text: &str) -> Result<Self, UnknownBug> {
        let found = Self::ALL.into_iter().find(|bug| bug.name() == text);
        found.ok_or_else(|| UnknownBug { name: text.to_owned() })
    }
}
