//! The demo, as the README's first command runs it.

use crate::children::farmgate;

/// How many customers come at least.
const CUSTOMERS_MIN: usize = 40;
/// How wide the output may be, in columns.
const COLUMNS_MAX: usize = 100;
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
    assert!(out.contains("everything adds up") && out.contains(" 0 differences"), "{out}");
    assert!(!out.contains("DIFFERS") && !out.contains("NOT "), "{out}");

    let stories: Vec<_> = out.lines().filter_map(told).collect();
    assert!(stories.len() >= CUSTOMERS_MIN, "{out}");
    let expected: Vec<_> = (1..=stories.len()).map(|number| (number, "ok")).collect();
    assert_eq!(stories, expected, "every customer's story is told, and adds up");
    assert!(out.contains(&format!("{} customers come", stories.len())), "{out}");

    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = words.as_str();
    for text in TOLD {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("{text} is not told, or too early:\n{out}")).1;
    }
    let wide = out.lines().find(|line| line.chars().count() > COLUMNS_MAX);
    assert_eq!(wide, None, "it fits {COLUMNS_MAX} columns");
}
