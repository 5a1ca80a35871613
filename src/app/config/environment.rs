//! The environment variables that are ours.

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
