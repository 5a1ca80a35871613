//! The demo, as the README's first command runs it.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use reqwest::header::ACCEPT;
use tempfile::TempDir;
use tokio::process::Child;

use crate::children::{farmgate, http_client, signal, within_steps};

/// How many customers come at least.
const CUSTOMERS_MIN: usize = 40;
/// How wide the output may be, in columns.
const COLUMNS_MAX: usize = 100;
/// Lines of progress at most: the demo takes less than two minutes, and there is one every five seconds.
const PROGRESS_LINES_MAX: usize = 24;
/// Tenths of a second after which even a slow demo has ended.
const STEPS_MAX: u32 = 1_800;
/// The exit code of a demo that was stopped before its end.
const EXIT_STOPPED: i32 = 130;
/// What some of the stories end with, in the order they are told.
const TOLD: [&str; 17] = [
    "settled without a transaction",
    "5 TFT back to Margaret",
    "12 TFTA back to Dana",
    "because it was cancelled",
    "refused with 409 not_cancellable",
    "returned to sub-account 77",
    "returned with memo 1047",
    "6 TFT owed to exchange",
    "24 XLM for 12 TFT",
    "burned 0.9333334 FreeTFT",
    "refused with 422 currency_for_free_nodes_only",
    "farmer claims it",
    "22 TFT to Noether as a claimable balance",
    "2 TFT owed to Olga",
    "is held; is settled",
    "the network refuses the second payment",
    "returned by the platform",
];

/// The number and the verdict of a story's first line.
fn told(line: &str) -> Option<(usize, &str)> {
    let (number, _) = line.trim_start().split_once("  ")?;
    Some((number.parse().ok()?, line.split_whitespace().last()?))
}

#[tokio::test]
async fn the_demo_adds_up() {
    let output = farmgate().args(["demo", "--exit"]).output().await.unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("everything adds up") && words.contains(" 0 differences"), "{out}");
    assert!(!out.contains("DIFFERS") && !out.contains("NOT "), "{out}");

    let stories: Vec<_> = out.lines().filter_map(told).collect();
    assert!(stories.len() >= CUSTOMERS_MIN, "{out}");
    let expected: Vec<_> = (1..=stories.len()).map(|number| (number, "ok")).collect();
    assert_eq!(stories, expected, "every customer's story is told, and adds up");
    assert!(out.contains(&format!("{} customers come", stories.len())), "{out}");

    let mut rest = words.as_str();
    for text in TOLD {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("{text} is not told, or too early:\n{out}")).1;
    }
    let wide = out.lines().find(|line| line.chars().count() > COLUMNS_MAX);
    assert_eq!(wide, None, "it fits {COLUMNS_MAX} columns");
}

/// A demo that writes all its files below a folder of this test.
struct Demo {
    child: Child,
    folder: TempDir,
    temporary: TempDir,
}

impl Demo {
    fn begins() -> Self {
        let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let out = File::create(folder.path().join("out")).unwrap();
        let mut command = farmgate();
        command.arg("demo").env("TMPDIR", temporary.path()).current_dir(temporary.path());
        let child = command.stdout(out).stderr(Stdio::null()).spawn().unwrap();
        Self { child, folder, temporary }
    }

    fn out(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("out")).unwrap()
    }

    async fn says(&self, text: &str) {
        let said = within_steps(STEPS_MAX, async || self.out().contains(text).then_some(())).await;
        assert_eq!(said, Some(()), "{text} is not said:\n{}", self.out());
    }

    /// The word that follows `head` at the start of a line.
    fn word_after(&self, head: &str) -> String {
        let out = self.out();
        let rest = out.lines().find_map(|line| line.trim_start().strip_prefix(head));
        rest.and_then(|rest| rest.split_whitespace().next())
            .unwrap_or_else(|| panic!("{head}:\n{out}"))
            .to_owned()
    }

    /// Stops by a signal; the exit code.
    async fn stops(&mut self, by: &str) -> Option<i32> {
        signal(by, &[self.child.id().unwrap()]);
        self.child.wait().await.unwrap().code()
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn after_its_end_the_demo_says_where_everything_is_until_it_is_stopped() {
    let mut demo = Demo::begins();
    demo.says("Ctrl-C. That removes").await;
    let out = demo.out();
    for word in ["TFT ", "cu su ipv4u", "grid2 ", "Horizon "] {
        let (begin, _) = out.split_once("customers come").unwrap();
        assert!(begin.contains(&format!("  {word}")), "{word} is not introduced:\n{begin}");
    }
    let progress = out.lines().filter(|line| line.starts_with("after ")).count();
    assert!((1..=PROGRESS_LINES_MAX).contains(&progress), "{out}");

    let (docs, key, sandbox) =
        (demo.word_after("API "), demo.word_after("API key "), demo.word_after("sandbox   "));
    let http = http_client();
    let page = http.get(&docs).send().await.unwrap();
    assert!(page.status().is_success(), "{docs}: {page:?}");
    let nodes = docs.replace("/docs", "/v1/nodes/1");
    assert_eq!(http.get(&nodes).send().await.unwrap().status(), 401);
    assert_eq!(http.get(&nodes).bearer_auth(&key).send().await.unwrap().status(), 200, "{key}");
    let page = http.get(&sandbox).header(ACCEPT, "text/html").send().await.unwrap();
    assert!(page.text().await.unwrap().to_lowercase().contains("<html"), "{sandbox}");

    assert!(!is_empty(demo.temporary.path()), "there is a database while it runs");
    assert_eq!(demo.stops("-INT").await, Some(0));
    assert!(is_empty(demo.temporary.path()), "nothing is left");
    assert!(demo.out().contains(" is removed"), "{}", demo.out());
}

#[tokio::test]
async fn a_demo_that_is_stopped_in_the_middle_leaves_nothing_and_says_so() {
    // Ctrl-C, and a terminal that is closed.
    for by in ["-INT", "-HUP"] {
        let mut demo = Demo::begins();
        demo.says("after ").await;
        assert!(!is_empty(demo.temporary.path()), "there is a database while it runs");
        assert_eq!(demo.stops(by).await, Some(EXIT_STOPPED), "{by}");
        assert!(is_empty(demo.temporary.path()), "nothing is left after {by}");
        assert!(demo.out().ends_with("everything the demo wrote is removed\n"), "{}", demo.out());
    }
}
