//! What the documents cite exists, and their tables say what this test enforces.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::Finding;

/// Documents that belong to no clone of the repository. Written in two parts, or this file would cite them.
const ELSEWHERE: [&str; 3] = [concat!("DES", "IGN"), concat!("HOU", "SE.md"), concat!("STY", "LE.md")];

/// Folders of the repository: a word that begins with one is a path.
const FOLDERS: [&str; 8] =
    ["benches/", "crates/", "docs/", "fixtures/", "migrations/", "scripts/", "src/", "tests/"];

/// Where made-up sources stand in strings, whose paths lead nowhere.
const MADE_UP: &str = "tests/tidy/";

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

/// Largest file that is read; what is larger is data.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The text files of a repository, and everything that stands in it.
pub struct Papers {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Papers {
    pub fn of_this_repository() -> Self {
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
        let mut papers = Self { texts: BTreeMap::new(), paths: BTreeSet::new() };
        papers.read(Path::new(&root), "");
        papers
    }

    /// A made-up repository.
    pub fn made_of(files: &[(&str, &str)]) -> Self {
        let mut papers = Self { texts: BTreeMap::new(), paths: BTreeSet::new() };
        for (path, text) in files {
            papers.texts.insert((*path).to_owned(), (*text).to_owned());
            for (index, _) in path.match_indices('/') {
                papers.paths.insert(path[..index].to_owned());
            }
            papers.paths.insert((*path).to_owned());
        }
        papers
    }

    fn read(&mut self, root: &Path, folder: &str) {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || SKIPPED.contains(&name.as_str()) {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            self.paths.insert(path.clone());
            if entry.path().is_dir() {
                self.read(root, &path);
            } else if entry.metadata().is_ok_and(|data| data.len() <= FILE_BYTES_MAX)
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.texts.insert(path, text);
            }
        }
    }

    fn text(&self, path: &str) -> &str {
        self.texts.get(path).map(String::as_str).unwrap_or_default()
    }

    fn exists(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }
}

/// Finds links, paths and modules that lead nowhere, and what cites documents that no clone has.
pub fn check(papers: &Papers) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in &papers.texts {
        let is_page = file.ends_with(".md");
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            let mut wrong = elsewhere(line);
            if !file.starts_with(MADE_UP) {
                wrong.extend(paths(papers, line));
            }
            fenced ^= is_page && line.trim_start().starts_with("```");
            if is_page && !fenced {
                wrong.extend(links(papers, file, line));
                wrong.extend(modules(papers, line));
            }
            let finding = |message| Finding { file: file.clone(), line: index + 1, message };
            findings.extend(wrong.into_iter().map(finding));
        }
    }
    findings.sort();
    findings
}

fn elsewhere(line: &str) -> Vec<String> {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    let cites = |name: &&&str| {
        line.match_indices(**name).any(|(at, _)| {
            let (before, after) = (line[..at].chars().next_back(), line[at + name.len()..].chars().next());
            !before.is_some_and(part_of_a_word) && !after.is_some_and(part_of_a_word)
        })
    };
    let tell = |name: &&str| format!("cites {name}, which no clone of this repository has; say it here");
    ELSEWHERE.iter().filter(cites).map(tell).collect()
}

/// Words that begin with a folder of the repository: up to the first pattern (`*`, `{…}`, `<…>`, `NNNN`)
/// they are paths.
fn paths(papers: &Papers, line: &str) -> Vec<String> {
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        for (at, _) in line.match_indices(folder) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|c| in_a_path(c) || ":}{@$%\\".contains(c)) {
                continue;
            }
            let rest = &line[at..];
            let end = rest.find(|c| !in_a_path(c)).unwrap_or(rest.len());
            let pattern = rest[end..].starts_with(['*', '{', '<', '…', '$']) || rest[..end].contains("NNNN");
            let mut path = rest[..end].trim_end_matches(['.', '-', '_']);
            if pattern {
                path = &path[..=path.rfind('/').unwrap_or_default()];
            }
            // `docs/adr/0004` and `docs/x` without an ending may be said of a page of that name.
            let named = papers.exists(path)
                || papers.paths.iter().any(|known| known.starts_with(&format!("{path}-")));
            if !named {
                wrong.push(format!("`{path}` is not in the repository"));
            }
        }
    }
    wrong
}

/// `[text](target)`: relative targets exist, and so do the headings they name.
fn links(papers: &Papers, file: &str, line: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, _) in line.match_indices("](") {
        let Some(target) = line[at + 2..].split([')', ' ']).next() else { continue };
        if target.contains("://") || target.starts_with("mailto:") || target.is_empty() {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let page = if path.is_empty() { file.to_owned() } else { beside(file, path) };
        if !papers.exists(&page) {
            wrong.push(format!("links to `{target}`, which is not in the repository"));
        } else if !anchor.is_empty() && !anchors(papers.text(&page)).contains(anchor) {
            wrong.push(format!("links to `{target}`, but {page} has no such heading"));
        }
    }
    wrong
}

fn beside(file: &str, target: &str) -> String {
    let mut path = PathBuf::from(file);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        })
        .collect()
}

/// `` `module::Name` `` of a module in `src/` or a package in `crates/`: each further part is a file there,
/// or stands in its sources.
fn modules(papers: &Papers, line: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for code in line.split('`').skip(1).step_by(2) {
        let code = code.split(['(', '{', '<']).next().unwrap_or_default().trim_end_matches(':');
        let parts: Vec<&str> = code.split("::").collect();
        let folders = [format!("src/{}", parts[0]), format!("crates/{}/src", parts[0].replace('_', "-"))];
        let Some(folder) = folders.iter().find(|folder| papers.exists(folder)).filter(|_| parts.len() > 1)
        else {
            continue;
        };
        let sources: Vec<(&String, &String)> =
            papers.texts.iter().filter(|(path, _)| path.starts_with(&format!("{folder}/"))).collect();
        let known = |part: &str| {
            sources.iter().any(|(path, text)| {
                path.split('/').any(|name| name.trim_end_matches(".rs") == part) || has_word(text, part)
            })
        };
        if let Some(part) = parts[1..].iter().find(|part| !known(part)) {
            wrong.push(format!("`{code}`: {folder} has no {part}"));
        }
    }
    wrong
}

fn has_word(text: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part_of_a_word)
            && !text[at + word.len()..].chars().next().is_some_and(part_of_a_word)
    })
}

/// The rows of the table in `page` whose first column is headed `head[0]`, and that has one headed `head[1]`:
/// what they say in these two.
fn rows(page: &str, head: [&str; 2]) -> Vec<(String, String)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let column = |line: &str| {
        let cells = cells(line);
        let at = cells.iter().position(|cell| cell == head[1]);
        at.filter(|_| line.starts_with('|') && cells[0] == head[0])
    };
    let Some(at) = page.lines().find_map(column) else { return Vec::new() };
    let lines = page.lines().skip_while(|line| column(line).is_none());
    let mut rows = Vec::new();
    for line in lines.skip(2).take_while(|line| line.starts_with('|')) {
        let row = cells(line);
        for name in row[0].split(", ") {
            rows.push((name.to_owned(), row.get(at).cloned().unwrap_or_default()));
        }
    }
    rows
}

/// The items of a cell: without what stands in brackets or after a semicolon; `a::{b, c}` is two.
fn items(cell: &str) -> BTreeSet<String> {
    let cell = cell.replace('`', "");
    let cell = cell.split([';', '(']).next().unwrap_or_default();
    let mut items = BTreeSet::new();
    let (mut depth, mut item, mut prefix) = (0_u32, String::new(), String::new());
    for c in cell.chars().chain([',']) {
        match c {
            '{' => (depth, prefix) = (depth + 1, std::mem::take(&mut item)),
            ',' | '}' => {
                let name = std::mem::take(&mut item);
                let name = name.trim().trim_start_matches("and ");
                if !name.is_empty() {
                    items.insert(format!("{prefix}{name}"));
                }
                if c == '}' {
                    depth = depth.saturating_sub(1);
                }
                if depth == 0 {
                    prefix.clear();
                }
            }
            // After `{` a name's own blanks mean nothing.
            ' ' if item.is_empty() => {}
            _ => item.push(c),
        }
    }
    items
}

/// A table of the page and the one that is enforced, row by row, must be the same.
pub fn same_table(
    papers: &Papers,
    page: &str,
    head: [&str; 2],
    enforced: &BTreeMap<String, BTreeSet<String>>,
    read: impl Fn(&str, &str) -> BTreeSet<String>,
) -> Vec<Finding> {
    let written: BTreeMap<String, BTreeSet<String>> = rows(papers.text(page), head)
        .into_iter()
        .map(|(name, cell)| {
            let name = name.replace(['`', '/'], "").replace('-', "_");
            let items = read(&name, &cell);
            (name, items)
        })
        .collect();
    let names: BTreeSet<&String> = written.keys().chain(enforced.keys()).collect();
    let mut findings = Vec::new();
    let list = |row: Option<&BTreeSet<String>>| match row {
        None => "has no such row".to_owned(),
        Some(items) if items.is_empty() => "says nothing".to_owned(),
        Some(items) => format!("says {}", items.iter().cloned().collect::<Vec<_>>().join(", ")),
    };
    for name in names {
        let (here, there) = (written.get(name), enforced.get(name));
        if here != there {
            let message = format!(
                "table \"{} | {}\", {name}: the page {}; tests/tidy {}",
                head[0],
                head[1],
                list(here),
                list(there)
            );
            findings.push(Finding { file: page.to_owned(), line: 1, message });
        }
    }
    findings
}

/// A cell that lists modules: names, `nothing of ours`, `all`, `all of it`, `all but a, b`.
pub fn modules_of(cell: &str, all: &[&str], own: &str) -> BTreeSet<String> {
    let everything = |but: &BTreeSet<String>| {
        let others = all.iter().filter(|name| **name != own && !but.contains(**name));
        others.map(|name| (*name).to_owned()).collect()
    };
    match cell.split(['(', ';']).next().unwrap_or_default().trim() {
        text if text == "all" || text.starts_with("all of ") => everything(&BTreeSet::new()),
        text if text.starts_with("all but ") => everything(&items(&text["all but ".len()..])),
        text if text.starts_with("nothing") => BTreeSet::new(),
        text => items(text),
    }
}

/// A cell that lists the places of a crate: `stellar/tx.rs` is `stellar::tx`; `nowhere …` is none.
pub fn places_of(cell: &str) -> BTreeSet<String> {
    if cell.starts_with("nowhere") {
        return BTreeSet::new();
    }
    items(cell).into_iter().map(|place| place.trim_end_matches(".rs").replace('/', "::")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect;

    #[test]
    fn what_exists_may_be_cited() {
        let papers = Papers::made_of(&[
            ("README.md", "[map](docs/map.md#who-may-import-whom) [x](https://x.y/z.md) `src/domain/*.rs`"),
            (
                "docs/map.md",
                "# Map\n## Who may `import` whom?\n[up](../README.md), [top](#map), `domain::Pool`",
            ),
            ("docs/adr/0004-dead.md", "See docs/adr/0004, `domain::{pool, Pool}` and `std::fmt`."),
            (
                "src/domain/pool.rs",
                "// docs/map.md. See http://x/docs/nothing.js and TIGER_STYLE\nstruct Pool;",
            ),
            ("tests/tidy/x.rs", "(\"src/domain/made_up.rs\")"),
        ]);
        expect(check(&papers), &[]);
    }

    #[test]
    fn what_leads_nowhere_is_caught() {
        let elsewhere = format!("// {} §3, and {}", ELSEWHERE[0], ELSEWHERE[2]);
        let papers = Papers::made_of(&[
            ("README.md", "[map](docs/map.md#roads)\n[gone](docs/gone.md)\n`tests/old.rs`, `domain::Pond`"),
            ("docs/map.md", "# Map\n```\n[code](nowhere.md)\n```\n[x](../src/domain/tx.rs)"),
            ("src/domain/pool.rs", &format!("{elsewhere}\n// see docs/map.md and docs/adr/0004.")),
            ("scripts/test", "cargo test --test x # docs/money.md"),
        ]);
        let findings = check(&papers);
        expect(
            findings,
            &[
                ("README.md:1", "docs/map.md has no such heading"),
                ("README.md:2", "`docs/gone.md` is not in the repository"),
                ("README.md:2", "links to `docs/gone.md`"),
                ("README.md:3", "`domain::Pond`: src/domain has no Pond"),
                ("README.md:3", "`tests/old.rs` is not"),
                ("docs/map.md:5", "links to `../src/domain/tx.rs`"),
                ("scripts/test:1", "`docs/money.md`"),
                ("src/domain/pool.rs:1", &format!("cites {}", ELSEWHERE[0])),
                ("src/domain/pool.rs:1", &format!("cites {}", ELSEWHERE[2])),
                ("src/domain/pool.rs:2", "`docs/adr/0004` is not"),
            ],
        );
    }

    const PAGE: &str = "# T\n\n| room | why |\n| --- | --- |\n| domain | all |\n\n\
                        | module | may import |\n| --- | --- |\n| `domain/` | nothing of ours |\n\
                        | ports, api | domain |\n| box | `domain::{money, ids}`, `ports::{clock}` |\n\
                        | http | domain, and api (all of it) |\n| app | all but box |\n\nend";

    fn table(enforced: &[(&str, &[&str])]) -> Vec<Finding> {
        let all = ["domain", "ports", "api", "box", "http", "app"];
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let enforced = enforced.iter().map(|(name, items)| ((*name).to_owned(), owned(items))).collect();
        let papers = Papers::made_of(&[("docs/map.md", PAGE)]);
        let read = |name: &str, cell: &str| modules_of(cell, &all, name);
        same_table(&papers, "docs/map.md", ["module", "may import"], &enforced, read)
    }

    #[test]
    fn a_table_that_says_what_is_enforced_passes() {
        let findings = table(&[
            ("domain", &[]),
            ("ports", &["domain"]),
            ("api", &["domain"]),
            ("box", &["domain::money", "domain::ids", "ports::clock"]),
            ("http", &["domain", "api"]),
            ("app", &["domain", "ports", "api", "http"]),
        ]);
        expect(findings, &[]);
    }

    #[test]
    fn a_row_that_differs_or_is_missing_is_caught() {
        let findings = table(&[
            ("domain", &[]),
            ("ports", &["domain", "api"]),
            ("api", &["domain"]),
            ("box", &["domain::money", "domain::ids", "ports::clock"]),
            ("app", &["domain", "ports", "api", "http"]),
            ("new", &["domain"]),
        ]);
        expect(
            findings,
            &[
                ("docs/map.md:1", "http: the page says api, domain; tests/tidy has no such row"),
                ("docs/map.md:1", "new: the page has no such row; tests/tidy says domain"),
                ("docs/map.md:1", "ports: the page says domain; tests/tidy says api, domain"),
            ],
        );
    }

    #[test]
    fn places_of_a_crate_are_read() {
        let places = |cell| places_of(cell).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(places("storage, app (SQL text only in storage)"), "app storage");
        assert_eq!(places("`stellar/tx.rs`"), "stellar::tx");
        assert_eq!(places("nowhere in `src/`; in `tests/x.rs`"), "");
    }
}
