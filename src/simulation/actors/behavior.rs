//! How customers behave.

/// How a customer goes about paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Behavior {
    Exact,
    Part,
    Over,
    Late,
    AtTheDeadline,
    WrongAsset,
    Lumens,
    Several,
    SubAccount,
    Twice,
    CancelsInPart,
    CancelsAndPays,
    Through,
    Leaves,
    Distrusts,
    Dust,
    FrozenEscrow,
    FrozenPayer,
    FarmerAway,
    /// Pays all, and the issuer takes some of it back.
    ClawedBack,
    /// Pays too little, and the issuer takes some of it back.
    ClawedBackInPart,
    /// Somebody merges an account into the reservation's.
    MergedInto,
    Nothing,
}

/// From these a behavior is drawn: what stands here more than once is drawn more often.
pub(super) const BEHAVIORS: [Behavior; 30] = [
    Behavior::Exact,
    Behavior::Exact,
    Behavior::Exact,
    Behavior::Part,
    Behavior::Over,
    Behavior::Late,
    Behavior::AtTheDeadline,
    Behavior::WrongAsset,
    Behavior::Lumens,
    Behavior::Several,
    Behavior::Several,
    Behavior::Several,
    Behavior::SubAccount,
    Behavior::Twice,
    Behavior::CancelsInPart,
    Behavior::CancelsAndPays,
    Behavior::Through,
    Behavior::Leaves,
    Behavior::Distrusts,
    Behavior::Dust,
    Behavior::FrozenEscrow,
    Behavior::FrozenPayer,
    Behavior::FarmerAway,
    Behavior::ClawedBack,
    Behavior::ClawedBack,
    Behavior::ClawedBackInPart,
    Behavior::ClawedBackInPart,
    Behavior::MergedInto,
    Behavior::MergedInto,
    Behavior::Nothing,
];
