//! How the program takes its configuration, and what it says when it cannot.

use crate::children::farmgate;

async fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = farmgate()
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    assert!(!output.status.success(), "{arguments:?} was accepted");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SECRET: &str = "SDHOAMBNLGCE2MV5ZKIVZAQD3VCLGP53P3OBSBI6UN5L5XZI5TKHFQL4";

#[tokio::test]
async fn serve_without_a_secret_says_how_to_give_one() {
    let error = refused(&["serve"], &[]).await;
    assert!(error.contains("FARMGATE_PLATFORM_SECRET"), "{error}");
}

#[tokio::test]
async fn a_malformed_secret_is_refused_and_not_repeated() {
    let error = refused(&["serve"], &[("FARMGATE_PLATFORM_SECRET", "SNOTASECRET")]).await;
    assert!(error.contains("secret") && !error.contains("SNOTASECRET"), "{error}");
}

#[tokio::test]
async fn an_unknown_setting_is_refused_by_name() {
    let variables = [("FARMGATE_PLATFORM_SECRET", SECRET), ("FARMGATE_SETTLEMENT__CHANELS", "3")];
    let error = refused(&["serve"], &variables).await;
    assert!(error.contains("chanels"), "{error}");
}

#[tokio::test]
async fn a_configuration_file_that_cannot_be_read_is_named_with_its_path() {
    // A folder cannot be read as a file, not even by root.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().display().to_string();
    for arguments in [&["serve"][..], &["resolve"], &["keys", "list"]] {
        let arguments = [arguments, &["--config", &path]].concat();
        let error = refused(&arguments, &[("FARMGATE_PLATFORM_SECRET", SECRET)]).await;
        assert!(error.contains(&format!("configuration file {path}: ")), "{error}");
    }
}

#[tokio::test]
async fn two_secrets_are_refused_rather_than_one_passed_over() {
    let both = [("FARMGATE_PLATFORM_SECRET", SECRET), ("FARMGATE_PLATFORM_SECRET_FILE", "/nonexistent")];
    for command in ["serve", "setup", "reconcile"] {
        let error = refused(&[command], &both).await;
        assert!(error.contains("both set") && !error.contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn a_variable_with_one_underscore_is_told_that_two_are_meant() {
    let secret = ("FARMGATE_PLATFORM_SECRET", SECRET);
    let error = refused(&["serve"], &[secret, ("FARMGATE_SETTLEMENT_TICK_MILLIS", "5")]).await;
    assert!(error.contains("Did you mean FARMGATE_SETTLEMENT__TICK_MILLIS?"), "{error}");
    let error = refused(&["keys", "list"], &[("FARMGATE_DATABASE_URL", "sqlite://other.db")]).await;
    assert!(error.contains("Did you mean FARMGATE_DATABASE__URL?"), "{error}");
}

#[tokio::test]
async fn the_sandbox_listens_on_loopback_only() {
    let error = refused(&["sandbox", "--listen", "0.0.0.0:0"], &[]).await;
    assert!(error.contains("loopback"), "{error}");
}

#[tokio::test]
async fn a_wallet_speaks_to_loopback_only() {
    let error = refused(&["sandbox", "fund", "x", "--sandbox", "http://192.0.2.1:8000"], &[]).await;
    assert!(error.contains("this machine"), "{error}");
}

#[tokio::test]
async fn the_example_file_is_complete_and_gives_the_defaults() {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let example = std::path::Path::new(&root).join("farmgate.example.toml");
    let platform = Some(farmgate::domain::address::AccountId([1; 32]));
    let overrides = farmgate::app::config::Overrides { values: vec![], platform };
    let from_example = farmgate::app::config::load(Some(&example), [], &overrides).unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    let defaults = farmgate::app::config::load(Some(empty.path()), [], &overrides).unwrap();
    assert_eq!(format!("{from_example:#?}"), format!("{defaults:#?}"));
    let text = std::fs::read_to_string(&example).unwrap();
    for field in fields(&format!("{defaults:#?}")) {
        assert!(text.contains(&field), "farmgate.example.toml does not explain `{field}`");
    }
}

/// The names of all fields of a value shown by `Debug`; a URL counts as one value.
fn fields(shown: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut url_ends_with = None;
    for line in shown.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(end) = &url_ends_with {
            if line == *end {
                url_ends_with = None;
            }
            continue;
        }
        if line.ends_with(": Url {") {
            url_ends_with = Some(format!("{indent}}},"));
        }
        names.extend(line.trim().split_once(": ").map(|(name, _)| name.to_owned()));
    }
    assert!(names.len() > 30, "only {} fields were found", names.len());
    names
}
