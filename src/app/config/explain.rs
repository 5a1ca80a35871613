//! What is wrong with a setting, in the words of whoever writes the file: where it is, what it says, and what
//! would fit.
//!
//! The crates that read the configuration speak of enums, constructors, sequences and 16 bit integers
//! instead.

use ::config::{Config as Source, ConfigError as SourceError, Source as _, Value};

use super::environment::PREFIX;
use super::file::ConfigFile;
use super::settings::Config;

/// As the crate calls the environment where it says where a value comes from.
const ENVIRONMENT: &str = "the environment";
/// What would fit, as the crates say it, and in plain words. Longer texts come before those they contain.
const PLAIN: [(&str, &str); 24] = [
    ("an unsigned 8 bit integer", "a whole number from 0 to 255"),
    ("an unsigned 16 bit integer", "a whole number from 0 to 65535"),
    ("an unsigned 32 bit integer", "a whole number from 0 to 4294967295"),
    ("an unsigned u64 bit integer", "a whole number of at least 0"),
    ("an unsigned 64 bit or less integer", "a whole number of at least 0"),
    ("an signed 64 bit or less integer", "a whole number"),
    ("an signed 64 bit integer", "a whole number"),
    ("an integer", "a whole number"),
    ("a nonzero u32", "a whole number from 1 to 4294967295"),
    ("a Decimal type representing a fixed-point number", "a number"),
    ("a floating point", "a number"),
    ("a boolean", "true or false"),
    ("64-bit unsigned integer `", "`"),
    ("64-bit integer `", "`"),
    ("integer `", "`"),
    ("floating point `", "`"),
    ("boolean `", "`"),
    ("string \"", "\""),
    ("unit value", "nothing"),
    ("an array", "a list"),
    ("a sequence", "a list"),
    ("a map", "a section"),
    (" sequence", " a list"),
    (" map", " a section"),
];

/// Where the setting is, and what is wrong with it.
pub(super) fn explain(error: SourceError, all: &Source, file: &ConfigFile, flags: &[&str]) -> String {
    let (key, problem) = taken_apart(error);
    let (key, problem) = match unknown_field(&problem) {
        Some((name, others)) => {
            let key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
            (key, format!("there is no such setting; there is {others}"))
        }
        None if problem.contains("enum ") => (key.clone(), not_a_choice(&key, all)),
        None => (key, plain(&problem)),
    };
    if key.is_empty() {
        return format!("{problem} ({file})");
    }
    format!("{}: {problem}", place(&key, all, file, flags))
}

/// The setting, as far as it is known, and what is wrong with it.
fn taken_apart(error: SourceError) -> (String, String) {
    match error {
        SourceError::At { error, key, .. } => {
            let (inner, problem) = taken_apart(*error);
            (key.unwrap_or(inner), problem)
        }
        SourceError::Type { unexpected, expected, key, .. } => {
            (key.unwrap_or_default(), format!("it is {unexpected}, expected {expected}"))
        }
        other => (String::new(), other.to_string()),
    }
}

/// The name of a field that is not known, and those that are.
fn unknown_field(problem: &str) -> Option<(&str, &str)> {
    let (name, rest) = problem.strip_prefix("unknown field `")?.split_once('`')?;
    let others = rest.strip_prefix(", expected ").unwrap_or("nothing else");
    Some((name, others.strip_prefix("one of ").unwrap_or(others)))
}

/// A value that is none of those to choose from, with those.
fn not_a_choice(key: &str, all: &Source) -> String {
    let value = found(key, all).map_or_else(|| "it".to_owned(), |value| format!("`{value}`"));
    match choices(key) {
        Some(choices) => format!("{value} is not possible; expected {choices}"),
        None => format!("{value} is not possible"),
    }
}

/// What there is to choose from: asked of the settings' own type, which refuses a text that is surely none of
/// it.
fn choices(key: &str) -> Option<String> {
    let nothing = serde_json::Value::String(String::new());
    let settings = key.rsplit('.').fold(nothing, |inner, name| serde_json::json!({ name: inner }));
    let refused = serde_json::from_value::<Config>(settings).err()?.to_string();
    Some(refused.strip_prefix("unknown variant ``, expected ")?.to_owned())
}

/// The problem without the words of a programming language.
fn plain(problem: &str) -> String {
    let text = problem.replace("invalid type: ", "it is ").replace("invalid value: ", "it is ");
    let text = PLAIN.iter().fold(text, |text, (from, to)| text.replace(from, to));
    match text.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a section"),
        None => text,
    }
}

/// The value of a setting, as its source gave it: `get` would forget where it comes from.
fn found(key: &str, all: &Source) -> Option<Value> {
    let mut section = all.collect().ok()?;
    let (sections, name) = key.rsplit_once('.').unwrap_or(("", key));
    for name in sections.split('.').filter(|name| !name.is_empty()) {
        section = section.remove(name)?.into_table().ok()?;
    }
    section.remove(name)
}

/// Where a setting was found: the variable, the flag, or the file.
fn place(key: &str, all: &Source, file: &ConfigFile, flags: &[&str]) -> String {
    // A list has one origin; its elements have none of their own.
    let whole = key.split_once('[').map_or(key, |(whole, _)| whole);
    let origin = found(whole, all).and_then(|value| value.origin().map(str::to_owned));
    if origin.as_deref() == Some(ENVIRONMENT) {
        let variable = whole.to_uppercase().replace('.', "__");
        return format!("{PREFIX}_{variable} ({key})");
    }
    let flag = match whole {
        "http.listen" => "--listen",
        "stellar.horizon_url" => "--horizon",
        "database.url" => "--database",
        _ => "a flag",
    };
    match flags.contains(&whole) {
        true => format!("{flag} ({key})"),
        false => format!("{key} in {}", file.path.display()),
    }
}
