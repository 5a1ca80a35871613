//! The source files, parsed, and the names of the crates that Cargo.toml brings in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Crates that need no line in Cargo.toml.
const BUILT_IN: [&str; 3] = ["std", "core", "alloc"];

/// One file of Rust.
pub struct SourceFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// The module it is, `["domain", "money"]`; empty for `lib.rs`, `["main"]` for `main.rs`, and
    /// `None` outside the `src/` of its crate.
    pub module: Option<Vec<String>>,
    pub text: String,
    pub syntax: syn::File,
}

impl SourceFile {
    fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), module: module_of(inside_crate(path)), text: text.to_owned(), syntax }
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

/// The path from the root of the crate it belongs to: that of `crates/NAME/` or of the repository.
fn inside_crate(path: &str) -> &str {
    path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')).map_or(path, |(_, inside)| inside)
}

fn module_of(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || (last == "lib" && module.len() == 1)) {
        module.pop();
    }
    Some(module)
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
    /// The repository this test runs in.
    pub fn of_this_crate() -> Self {
        // Asked when it runs: two checkouts that share a target folder share this binary.
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let root = Path::new(&root);
        let mut files = Vec::new();
        for folder in ["src", "tests", "benches"] {
            read_folder(root, folder, &mut files);
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml can be read");
        let (packages, dev_packages) = read_manifest(&manifest);
        Self { files, packages, dev_packages }
    }

    /// The crates under `crates/`, each with what it depends on.
    pub fn of_members() -> Vec<Self> {
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let root = Path::new(&root);
        let mut members = Vec::new();
        for folder in subfolders(&root.join("crates")) {
            let folder = format!("crates/{folder}");
            let mut files = Vec::new();
            for part in ["src", "tests", "benches"] {
                read_folder(root, &format!("{folder}/{part}"), &mut files);
            }
            let manifest = fs::read_to_string(root.join(&folder).join("Cargo.toml")).unwrap_or_default();
            let (packages, dev_packages) = read_manifest(&manifest);
            members.push(Self { files, packages, dev_packages });
        }
        members
    }

    /// A made-up tree for the rules' own tests, with this repository's dependencies.
    pub fn made_of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| SourceFile::parse(path, text)).collect();
        let (packages, dev_packages) = read_manifest(include_str!("../../Cargo.toml"));
        Self { files, packages, dev_packages }
    }
}

fn subfolders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
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
fn read_manifest(manifest: &str) -> (BTreeMap<String, String>, Vec<String>) {
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
    assert_eq!(module(inside_crate("crates/sandbox/src/ledger/mod.rs")).as_deref(), Some("ledger"));
    assert_eq!(inside_crate("src/crates/x.rs"), "src/crates/x.rs");
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
