//! The source files, parsed, and the names of the crates that Cargo.toml brings in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Crates that need no line in Cargo.toml.
const BUILT_IN: [&str; 3] = ["std", "core", "alloc"];

/// The root package, as code names it.
const ROOT: &str = "farmgate";

/// The other packages of the workspace: folder, name, and the module that all of it counts as.
pub const CRATES: &[(&str, &str, &str)] = &[
    ("crates/sandbox", "farmgate-sandbox", "sandbox"),
    ("crates/stellar-types", "stellar-types", "stellar_types"),
];

/// One file of Rust.
pub struct SourceFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// The module it is, `["domain", "journal"]`; empty for `lib.rs`, `["main"]` for `main.rs`, and
    /// `None` outside `src/`. The other packages count as modules: `["sandbox", "ledger"]`.
    pub module: Option<Vec<String>>,
    pub text: String,
    pub syntax: syn::File,
}

impl SourceFile {
    fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), module: module_of(path), text: text.to_owned(), syntax }
    }

    /// Every token, groups opened, without the text of doc comments.
    pub fn tokens(&self) -> Vec<TokenTree> {
        let stream: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        let mut flat = Vec::new();
        flatten(stream, &mut flat);
        flat
    }

    /// The folder of `src/` it is in, or the file's own name if it stands in `src/` itself.
    pub fn top(&self) -> Option<&str> {
        self.module.as_ref()?.first().map(String::as_str)
    }
}

fn flatten(stream: TokenStream, flat: &mut Vec<TokenTree>) {
    for token in stream {
        if let TokenTree::Group(group) = &token {
            if group.delimiter() == Delimiter::Bracket && starts_with_ident(group.stream(), "doc") {
                continue;
            }
            let inner = group.stream();
            flat.push(token);
            flatten(inner, flat);
        } else {
            flat.push(token);
        }
    }
}

/// True if the first token is this identifier.
pub fn starts_with_ident(stream: TokenStream, name: &str) -> bool {
    matches!(stream.into_iter().next(), Some(TokenTree::Ident(ident)) if ident == name)
}

fn module_of(path: &str) -> Option<Vec<String>> {
    let in_crate = |&(folder, _, module): &(&str, &str, &'static str)| {
        let inside = path.strip_prefix(folder)?.strip_prefix("/src/")?;
        Some((vec![module.to_owned()], inside))
    };
    let (mut module, inside) = match CRATES.iter().find_map(in_crate) {
        Some(found) => found,
        None => (Vec::new(), path.strip_prefix("src/")?),
    };
    match inside.strip_suffix(".rs")? {
        "lib" => {}
        inside => module.extend(inside.split('/').map(str::to_owned)),
    }
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    Some(module)
}

/// The root of one of our packages, named as code names it: `farmgate_sandbox`.
pub fn root_of_crate(name: &str) -> Option<Vec<String>> {
    if name == ROOT {
        return Some(Vec::new());
    }
    let (_, _, module) = CRATES.iter().find(|(_, package, _)| package.replace('-', "_") == name)?;
    Some(vec![(*module).to_owned()])
}

/// All files, and the crates they can name.
pub struct Tree {
    pub files: Vec<SourceFile>,
    /// Crate names as code writes them → the package's own name (other than that only if renamed).
    pub packages: BTreeMap<String, String>,
    /// Of those, the ones for tests only.
    pub dev_packages: Vec<String>,
}

impl Tree {
    /// The repository this test runs in: every package of the workspace.
    pub fn of_the_workspace() -> Self {
        // Asked when it runs: two checkouts that share a target folder share this binary.
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let root = Path::new(&root);
        let manifest = |folder: &str| {
            let path = root.join(folder).join("Cargo.toml");
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let mut files = Vec::new();
        let (mut packages, mut dev_packages) = read_manifest(&manifest(""));
        for folder in ["src", "tests", "benches"] {
            read_folder(root, folder, &mut files);
        }
        for (package, ..) in CRATES {
            for folder in ["src", "tests", "benches"] {
                read_folder(root, &format!("{package}/{folder}"), &mut files);
            }
            let (more, more_dev) = read_manifest(&manifest(package));
            packages.extend(more);
            dev_packages.extend(more_dev);
        }
        Self { files, packages, dev_packages }
    }

    /// A made-up tree for the rules' own tests, with this repository's dependencies.
    pub fn made_of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| SourceFile::parse(path, text)).collect();
        let (packages, dev_packages) = read_manifest(include_str!("../../Cargo.toml"));
        Self { files, packages, dev_packages }
    }
}

fn read_folder(root: &Path, folder: &str, files: &mut Vec<SourceFile>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<(String, bool)> = entries
        .map(|entry| entry.expect("a folder of sources can be listed"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()))
        .collect();
    names.sort();
    for (name, is_folder) in names {
        let path = format!("{folder}/{name}");
        if is_folder {
            read_folder(root, &path, files);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&path)).expect("a source file can be read");
            files.push(SourceFile::parse(&path, &text));
        }
    }
}

/// Reads the dependency tables of a Cargo.toml in the plain style that this one is written in.
pub fn read_manifest(manifest: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let mut packages: BTreeMap<String, String> =
        BUILT_IN.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
    let mut dev_packages = Vec::new();
    let mut section = String::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            assert!(!section.contains("dependencies."), "[{section}]: write dependencies one a line");
            continue;
        }
        if !section.ends_with("dependencies") || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim().split('.').next().unwrap_or_default().replace('-', "_");
        let renamed = value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
        if section.ends_with("dev-dependencies") {
            dev_packages.push(name.clone());
        }
        let package = renamed.map_or_else(|| name.clone(), |package| package.replace('-', "_"));
        packages.insert(name, package);
    }
    (packages, dev_packages)
}

#[test]
fn a_file_is_the_module_of_its_place() {
    let module = |path| module_of(path).map(|module| module.join("::"));
    assert_eq!(module("src/lib.rs").as_deref(), Some(""));
    assert_eq!(module("src/main.rs").as_deref(), Some("main"));
    assert_eq!(module("src/domain/mod.rs").as_deref(), Some("domain"));
    assert_eq!(module("src/domain.rs").as_deref(), Some("domain"));
    assert_eq!(module("src/stellar/tx/build.rs").as_deref(), Some("stellar::tx::build"));
    assert_eq!(module("tests/tidy/main.rs"), None);
    assert_eq!(module("crates/sandbox/src/lib.rs").as_deref(), Some("sandbox"));
    assert_eq!(module("crates/sandbox/src/ledger/mod.rs").as_deref(), Some("sandbox::ledger"));
    assert_eq!(module("crates/stellar-types/src/money.rs").as_deref(), Some("stellar_types::money"));
    assert_eq!(module("crates/sandbox/tests/a.rs"), None);
}

#[test]
fn renamed_packages_are_known_by_both_names() {
    let (packages, dev) = read_manifest(
        "[dependencies]\nsql = { version = \"0.9\", package = \"sqlx\" }\nstellar-xdr = \"30\"\n\
         [dev-dependencies]\nproptest = \"1\"\n[features]\nfast = []\n",
    );
    assert_eq!(packages["sql"], "sqlx");
    assert_eq!(packages["stellar_xdr"], "stellar_xdr");
    assert_eq!(packages["std"], "std");
    assert!(!packages.contains_key("fast"));
    assert_eq!(dev, ["proptest"]);
}
