//! Which package of the workspace may depend on which: Cargo keeps what stands in their manifests.

use std::path::Path;

use crate::Finding;
use crate::source::{CRATES, read_manifest};

/// Package → those of ours that it may depend on, for its tests too.
///
/// The sandbox must not see how Farmgate writes and reads transactions: it would share its mistakes.
const PACKAGES: &[(&str, &[&str])] = &[("stellar-types", &[]), ("farmgate-sandbox", &["stellar-types"])];

/// Folders of `crates/` with the text of their manifest.
pub fn of_the_workspace() -> Vec<(String, String)> {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    let folders = std::fs::read_dir(Path::new(&root).join("crates")).expect("crates/ can be listed");
    let mut manifests: Vec<_> = folders
        .map(|folder| folder.expect("crates/ can be listed"))
        .map(|folder| {
            let text = std::fs::read_to_string(folder.path().join("Cargo.toml")).expect("it has a manifest");
            (format!("crates/{}", folder.file_name().to_string_lossy()), text)
        })
        .collect();
    manifests.sort();
    manifests
}

pub fn check(manifests: &[(String, String)]) -> Vec<Finding> {
    manifests.iter().flat_map(|(folder, text)| check_one(folder, text)).collect()
}

fn check_one(folder: &str, text: &str) -> Vec<Finding> {
    let file = format!("{folder}/Cargo.toml");
    let find = |message: String| Finding { file: file.clone(), line: 1, message };
    let Some((_, package, _)) = CRATES.iter().find(|(known, ..)| *known == folder) else {
        return vec![find("is not in the list of tests/tidy/source.rs, and is not read".to_owned())];
    };
    let row = PACKAGES.iter().find(|(name, _)| name == package);
    let Some((_, allowed)) = row else {
        return vec![find(format!("{package} is not in the table of tests/tidy/manifests.rs"))];
    };
    let plain = |name: &str| name.replace('-', "_");
    let ours = |name: &str| name == "farmgate" || CRATES.iter().any(|(_, ours, _)| plain(ours) == name);
    let (dependencies, _) = read_manifest(text);
    dependencies
        .values()
        .filter(|name| ours(name) && !allowed.iter().any(|allowed| plain(allowed) == **name))
        .map(|name| find(format!("{package} must not depend on {name}")))
        .collect()
}

#[test]
fn a_dependency_on_farmgate_is_caught_under_any_name() {
    let check = |folder: &str, text: &str| check(&[(folder.to_owned(), text.to_owned())]);
    let legal = "[dependencies]\nstellar-types.workspace = true\nserde.workspace = true\n";
    crate::expect(check("crates/sandbox", legal), &[]);
    crate::expect(
        check("crates/stellar-types", "[dependencies]\nfarmgate-sandbox.workspace = true\n"),
        &[("crates/stellar-types/Cargo.toml:1", "must not depend on farmgate_sandbox")],
    );
    let renamed = "[dev-dependencies]\nit = { path = \"../..\", package = \"farmgate\" }\n";
    crate::expect(
        check("crates/sandbox", renamed),
        &[("crates/sandbox/Cargo.toml:1", "farmgate-sandbox must not depend on farmgate")],
    );
    crate::expect(check("crates/other", legal), &[("crates/other/Cargo.toml:1", "is not in the list")]);
}
