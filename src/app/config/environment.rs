//! The environment variables that are ours: `FARMGATE_`, the section, two underscores, the setting.

use std::collections::HashMap;

/// What all of them begin with, before an underscore.
pub(super) const PREFIX: &str = "FARMGATE";

/// The environment variable with the platform's secret seed (`S…`).
pub const SECRET_VARIABLE: &str = "FARMGATE_PLATFORM_SECRET";
/// The environment variable that names a file with the platform's secret seed.
pub const SECRET_FILE_VARIABLE: &str = "FARMGATE_PLATFORM_SECRET_FILE";
/// Variables with our prefix that are not configuration: secrets, and the tests' own.
pub(super) const NOT_CONFIGURATION: [&str; 6] = [
    SECRET_VARIABLE,
    SECRET_FILE_VARIABLE,
    "FARMGATE_HORIZON_FIXTURES",
    "FARMGATE_TEST_POSTGRES",
    "FARMGATE_SANDBOX_URL",
    "FARMGATE_SANDBOX_LISTEN",
];
/// The sections of the configuration as variables name them, those within others first.
const SECTIONS: [&str; 9] = [
    "RESERVATIONS__UNIT_PRICES",
    "RESERVATIONS__PAYOUT",
    "HTTP",
    "DATABASE",
    "STELLAR",
    "ESCROW",
    "RESERVATIONS",
    "SETTLEMENT",
    "LOG",
];

/// Those of the variables that are settings, or are meant to be.
pub(super) fn settings(variables: impl IntoIterator<Item = (String, String)>) -> HashMap<String, String> {
    let ours = |name: &str| name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_'));
    let variables = variables.into_iter();
    variables.filter(|(name, _)| ours(name) && !NOT_CONFIGURATION.contains(&name.as_str())).collect()
}

/// What a variable would be called that has all its words, but not its underscores, as it should.
pub(super) fn meant(name: &str) -> Option<String> {
    let given = name.strip_prefix(PREFIX)?.strip_prefix('_')?.to_ascii_uppercase();
    let words: Vec<&str> = given.split('_').filter(|word| !word.is_empty()).collect();
    let words = words.join("_");
    // Somebody who writes this has the database's URL in mind.
    let words = if words == "DATABASE" { "DATABASE_URL" } else { &words };
    let meant = SECTIONS.iter().find_map(|section| {
        let setting = words.strip_prefix(&section.replace("__", "_"))?.strip_prefix('_')?;
        Some(format!("{section}__{setting}"))
    })?;
    (meant != given).then(|| format!("{PREFIX}_{meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_variable_with_wrong_underscores_is_told_the_right_ones() {
        for (name, right) in [
            ("FARMGATE_SETTLEMENT_TICK_MILLIS", "FARMGATE_SETTLEMENT__TICK_MILLIS"),
            ("FARMGATE__SETTLEMENT__TICK_MILLIS", "FARMGATE_SETTLEMENT__TICK_MILLIS"),
            ("FARMGATE_SETTLEMENT__TICK__MILLIS", "FARMGATE_SETTLEMENT__TICK_MILLIS"),
            ("FARMGATE_RESERVATIONS_PAYOUT_SALES", "FARMGATE_RESERVATIONS__PAYOUT__SALES"),
            ("FARMGATE_RESERVATIONS__PAYOUT_SALES", "FARMGATE_RESERVATIONS__PAYOUT__SALES"),
            ("FARMGATE_RESERVATIONS__UNIT__PRICES__CU", "FARMGATE_RESERVATIONS__UNIT_PRICES__CU"),
            ("FARMGATE_DATABASE_URL", "FARMGATE_DATABASE__URL"),
            ("FARMGATE_DATABASE", "FARMGATE_DATABASE__URL"),
        ] {
            assert_eq!(meant(name).as_deref(), Some(right), "{name}");
            assert_eq!(meant(right), None);
        }
        for name in ["FARMGATE_RESERVATIONS__PAYMENT_WINDOW_SECONDS", "FARMGATE_LOGS", "FARMGATE_COLOUR"] {
            assert_eq!(meant(name), None);
        }
    }

    #[test]
    fn every_section_of_the_example_is_known() {
        let example = include_str!("../../../farmgate.example.toml");
        let headers = example.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
        let sections: BTreeSet<_> = headers.map(|(name, _)| name.to_uppercase().replace('.', "__")).collect();
        assert_eq!(sections, SECTIONS.iter().map(|section| (*section).to_owned()).collect());
    }
}
