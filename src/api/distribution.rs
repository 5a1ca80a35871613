use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::split;

/// Who gets what part: percentages that sum to 100.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Its name.
    #[schema(example = "grid3")]
    pub name: String,
    /// Its shares, each recipient once.
    pub shares: Vec<Share>,
}

/// One recipient's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// `farmer`, `foundation`, `burn`, `sales` or `wisdom`.
    #[schema(value_type = String, example = "farmer")]
    pub recipient: split::Recipient,
    /// 1 to 100.
    #[schema(minimum = 1, maximum = 100, example = 10)]
    pub percent: u8,
}

/// A distribution: the name of one that ships with Farmgate (`grid2`, `grid3`, `certified-sales`,
/// `farmer-sales`, `free`), or one of your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum DistributionChoice {
    /// By name.
    Known(String),
    /// In full.
    Own(Distribution),
}

impl From<&split::Distribution> for Distribution {
    fn from(distribution: &split::Distribution) -> Self {
        let share = |share: &split::Share| Share { recipient: share.recipient, percent: share.percent };
        Self {
            name: distribution.name().to_owned(),
            shares: distribution.shares().iter().map(share).collect(),
        }
    }
}

impl TryFrom<DistributionChoice> for split::Distribution {
    type Error = split::SplitError;

    fn try_from(choice: DistributionChoice) -> Result<Self, split::SplitError> {
        match choice {
            DistributionChoice::Known(name) => Self::known(&name),
            DistributionChoice::Own(Distribution { name, shares }) => {
                let share =
                    |share: Share| split::Share { recipient: share.recipient, percent: share.percent };
                Self::new(name, shares.into_iter().map(share).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for DistributionChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = DistributionChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a distribution's name, or an object of name and shares")
            }

            fn visit_str<E>(self, name: &str) -> Result<DistributionChoice, E> {
                Ok(DistributionChoice::Known(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DistributionChoice, A::Error> {
                Distribution::deserialize(MapAccessDeserializer::new(map)).map(DistributionChoice::Own)
            }
        }
        deserializer.deserialize_any(Choice)
    }
}
