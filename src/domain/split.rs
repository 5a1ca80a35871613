//! Who gets what part of a payment. Whatever is split, the parts sum to the whole.

use num_bigint::BigUint;
use num_traits::Zero;
use serde::{Deserialize, Serialize};

use super::ids::FarmId;
use super::money::Stroops;

/// Most legs a settlement may have: a transaction has 100 operations and needs some for itself.
pub const LEGS_MAX: usize = 90;
/// Longest name of a distribution, in bytes.
pub const DISTRIBUTION_NAME_BYTES_MAX: usize = 64;

/// A party to a distribution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The farms whose nodes are reserved.
    Farmer,
    /// The foundation that runs the grid.
    Foundation,
    /// The asset's issuer: what is paid to it exists no more.
    Burn,
    /// The certified sales channel.
    Sales,
    /// The wisdom council.
    Wisdom,
}

impl Recipient {
    /// As written in configuration and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Farmer => "farmer",
            Self::Foundation => "foundation",
            Self::Burn => "burn",
            Self::Sales => "sales",
            Self::Wisdom => "wisdom",
        }
    }
}

/// One recipient's percentage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Who.
    pub recipient: Recipient,
    /// How much, 1 to 100.
    pub percent: u8,
}

/// Named percentages that sum to 100, each recipient once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedDistribution", into = "UncheckedDistribution")]
pub struct Distribution {
    name: String,
    shares: Vec<Share>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedDistribution {
    name: String,
    shares: Vec<Share>,
}

/// Why percentages are no distribution, or an amount cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// No name, or one over [`DISTRIBUTION_NAME_BYTES_MAX`].
    #[error("a distribution's name is 1 to {DISTRIBUTION_NAME_BYTES_MAX} bytes")]
    Name,
    /// The percentages do not sum to 100.
    #[error("a distribution's percentages sum to {sum}, not to 100")]
    Sum {
        /// What they sum to.
        sum: u32,
    },
    /// A recipient stands twice, or with zero percent.
    #[error("a distribution names each recipient once, with 1 to 100 percent")]
    Shares,
    /// More than [`LEGS_MAX`] legs.
    #[error("a settlement has at most {LEGS_MAX} legs")]
    TooManyLegs,
    /// A farmer's part, but no farm with a share of the price.
    #[error("the distribution pays farmers, but no farm has a share of the price")]
    NoFarm,
    /// No distribution has this name.
    #[error("no distribution has this name; known are grid2, grid3, certified-sales, farmer-sales and free")]
    UnknownName,
}

impl Distribution {
    /// A distribution of these shares.
    pub fn new(name: impl Into<String>, shares: Vec<Share>) -> Result<Self, SplitError> {
        let name = name.into();
        if name.is_empty() || name.len() > DISTRIBUTION_NAME_BYTES_MAX {
            return Err(SplitError::Name);
        }
        let repeated =
            (1..shares.len()).any(|at| shares[..at].iter().any(|s| s.recipient == shares[at].recipient));
        if repeated || shares.iter().any(|share| share.percent == 0) {
            return Err(SplitError::Shares);
        }
        let sum = shares.iter().map(|share| u32::from(share.percent)).sum();
        if sum != 100 { Err(SplitError::Sum { sum }) } else { Ok(Self { name, shares }) }
    }

    /// A distribution that ships with Farmgate: `grid2`, `grid3`, `certified-sales`, `farmer-sales`, `free`.
    pub fn known(name: &str) -> Result<Self, SplitError> {
        use Recipient::{Burn, Farmer, Foundation, Sales, Wisdom};
        let shares: &[(Recipient, u8)] = match name {
            "grid2" => &[(Farmer, 90), (Foundation, 10)],
            "grid3" => &[(Farmer, 10), (Burn, 40), (Foundation, 10), (Wisdom, 40)],
            "certified-sales" => &[(Farmer, 10), (Burn, 25), (Foundation, 10), (Sales, 55)],
            "farmer-sales" => &[(Farmer, 70), (Burn, 25), (Foundation, 5)],
            "free" => &[(Burn, 100)],
            _ => return Err(SplitError::UnknownName),
        };
        Self::new(name, shares.iter().map(|&(recipient, percent)| Share { recipient, percent }).collect())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shares, in the order given.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }
}

impl TryFrom<UncheckedDistribution> for Distribution {
    type Error = SplitError;

    fn try_from(unchecked: UncheckedDistribution) -> Result<Self, SplitError> {
        Self::new(unchecked.name, unchecked.shares)
    }
}

impl From<Distribution> for UncheckedDistribution {
    fn from(distribution: Distribution) -> Self {
        Self { name: distribution.name, shares: distribution.shares }
    }
}

/// One part of a split amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Who gets it.
    pub recipient: Recipient,
    /// Which farm, for a farmer's part.
    pub farm: Option<FarmId>,
    /// How much; never zero.
    pub amount: Stroops,
}

fn portion(amount: i64, weight: &BigUint, total: &BigUint) -> i64 {
    let part = BigUint::from(amount.unsigned_abs()) * weight / total;
    i64::try_from(part).unwrap_or(amount)
}

/// Splits `amount` by the distribution's percentages.
///
/// Parts are floored and those of zero left out. What the floors leave goes to the farmers, or to the largest
/// part where there are none. The farmers' part is divided by `farm_weights` (each farm's share of the
/// price), floored again, its rest going to the largest farm's part. Among equals the one that stands first
/// is the largest. The parts always sum to `amount`.
pub fn split(
    amount: Stroops,
    distribution: &Distribution,
    farm_weights: &[(FarmId, BigUint)],
) -> Result<Vec<Part>, SplitError> {
    let hundred = BigUint::from(100_u8);
    let floor = |percent: u8| portion(amount.get(), &BigUint::from(percent), &hundred);
    let mut floors: Vec<(Recipient, i64)> =
        distribution.shares.iter().map(|share| (share.recipient, floor(share.percent))).collect();
    let rest = amount.get() - floors.iter().map(|(_, part)| part).sum::<i64>();
    let heir = floors
        .iter()
        .position(|(recipient, _)| *recipient == Recipient::Farmer)
        .or_else(|| largest(floors.iter().map(|(_, part)| *part)));
    if let Some(heir) = heir {
        floors[heir].1 += rest;
    }
    let mut parts = Vec::with_capacity(floors.len() + farm_weights.len());
    for (recipient, part) in floors {
        if recipient == Recipient::Farmer && part > 0 {
            for (farm, part) in split_by_weight(part, farm_weights)? {
                parts.push((recipient, Some(farm), part));
            }
        } else {
            parts.push((recipient, None, part));
        }
    }
    let parts: Vec<Part> = parts
        .into_iter()
        .filter(|(_, _, part)| *part > 0)
        .map(|(recipient, farm, part)| Part {
            recipient,
            farm,
            amount: Stroops::new(part).unwrap_or_default(),
        })
        .collect();
    if parts.len() > LEGS_MAX { Err(SplitError::TooManyLegs) } else { Ok(parts) }
}

fn split_by_weight(amount: i64, weights: &[(FarmId, BigUint)]) -> Result<Vec<(FarmId, i64)>, SplitError> {
    let total: BigUint = weights.iter().map(|(_, weight)| weight).sum();
    if total.is_zero() {
        return Err(SplitError::NoFarm);
    }
    let mut parts: Vec<(FarmId, i64)> =
        weights.iter().map(|(farm, weight)| (*farm, portion(amount, weight, &total))).collect();
    let rest = amount - parts.iter().map(|(_, part)| part).sum::<i64>();
    if let Some(heir) = largest(parts.iter().map(|(_, part)| *part)) {
        parts[heir].1 += rest;
    }
    Ok(parts)
}

/// The first of the largest.
fn largest(parts: impl Iterator<Item = i64>) -> Option<usize> {
    parts.enumerate().max_by_key(|(at, part)| (*part, std::cmp::Reverse(*at))).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn farm(number: i64) -> FarmId {
        FarmId::new(number).unwrap()
    }

    fn stroops(number: i64) -> Stroops {
        Stroops::new(number).unwrap()
    }

    fn total(parts: &[Part]) -> Stroops {
        Stroops::sum(parts.iter().map(|part| part.amount)).unwrap()
    }

    #[test]
    fn a_small_amount_goes_to_the_farmer_whole() {
        let parts = split(stroops(9), &Distribution::known("grid2").unwrap(), &[(farm(1), 1_u8.into())]);
        assert_eq!(
            parts.unwrap(),
            [Part { recipient: Recipient::Farmer, farm: Some(farm(1)), amount: stroops(9) }]
        );
    }

    #[test]
    fn without_a_farmer_the_largest_part_takes_the_remainder() {
        let shares = [(Recipient::Foundation, 40), (Recipient::Burn, 60)]
            .map(|(recipient, percent)| Share { recipient, percent });
        let distribution = Distribution::new("no-farmer", shares.to_vec()).unwrap();
        let parts = split(stroops(11), &distribution, &[]).unwrap();
        assert_eq!(parts[0].amount, stroops(4));
        assert_eq!((parts[1].recipient, parts[1].amount), (Recipient::Burn, stroops(7)));
    }

    #[test]
    fn percentages_that_are_no_distribution_are_refused() {
        let share = |recipient, percent| Share { recipient, percent };
        assert_eq!(
            Distribution::new("x", vec![share(Recipient::Farmer, 99)]),
            Err(SplitError::Sum { sum: 99 })
        );
        let twice = vec![share(Recipient::Farmer, 50), share(Recipient::Farmer, 50)];
        assert_eq!(Distribution::new("x", twice), Err(SplitError::Shares));
        let zero = vec![share(Recipient::Farmer, 100), share(Recipient::Burn, 0)];
        assert_eq!(Distribution::new("x", zero), Err(SplitError::Shares));
        assert_eq!(Distribution::known("grid9"), Err(SplitError::UnknownName));
        assert!(serde_json::from_str::<Distribution>(r#"{"name":"x","shares":[]}"#).is_err());
    }

    #[test]
    fn more_than_ninety_legs_are_refused() {
        let farms: Vec<_> = (0..91).map(|number| (farm(number), BigUint::from(1_u8))).collect();
        let grid2 = Distribution::known("grid2").unwrap();
        assert_eq!(split(stroops(1_000_000), &grid2, &farms), Err(SplitError::TooManyLegs));
        assert_eq!(split(stroops(1_000_000), &grid2, &[]), Err(SplitError::NoFarm));
    }

    fn any_distribution() -> impl Strategy<Value = Distribution> {
        proptest::sample::select(vec!["grid2", "grid3", "certified-sales", "farmer-sales", "free"])
            .prop_map(|name| Distribution::known(name).unwrap())
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(
            amount in 0..=i64::MAX,
            distribution in any_distribution(),
            weights in proptest::collection::vec(1..u64::MAX, 1..40),
        ) {
            let farms: Vec<_> =
                weights.into_iter().zip(0..).map(|(weight, at)| (farm(at), BigUint::from(weight))).collect();
            let parts = split(stroops(amount), &distribution, &farms).unwrap();
            prop_assert_eq!(total(&parts), stroops(amount));
            prop_assert!(parts.iter().all(|part| !part.amount.is_zero()));
        }

        #[test]
        fn no_part_is_below_its_floor(amount in 0..=i64::MAX, distribution in any_distribution()) {
            let parts = split(stroops(amount), &distribution, &[(farm(1), 1_u8.into())]).unwrap();
            for share in distribution.shares() {
                let got = parts.iter().find(|part| part.recipient == share.recipient);
                let floor = i128::from(amount) * i128::from(share.percent) / 100;
                prop_assert!(got.map_or(0, |part| i128::from(part.amount.get())) >= floor);
            }
        }
    }
}
