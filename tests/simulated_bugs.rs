//! The simulator finds what it should: each of the known bugs, within fifty seeds.

use farmgate::simulation::bugs::Bug;
use farmgate::simulation::{Options, Wrong, run};

const SEEDS_MAX: u64 = 50;

/// The first seed that finds the bug, and how it shows.
fn found(bug: Bug) -> (u64, Vec<Wrong>) {
    let options = Options { bug: Some(bug), ..Options::default() };
    for seed in 1..=SEEDS_MAX {
        let run = run(seed, &options).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if !run.wrongs.is_empty() {
            return (seed, run.wrongs.into_iter().map(|(how, _)| how).collect());
        }
    }
    panic!("{bug} was not found in {SEEDS_MAX} seeds");
}

#[test]
fn a_transaction_built_again_after_a_504_is_found() {
    let (seed, wrongs) = found(Bug::RebuildOn504);
    assert!(wrongs.contains(&Wrong::DoublePayment), "seed {seed}: {wrongs:?}");
}

#[test]
fn a_cursor_committed_before_its_effects_is_found() {
    let (seed, wrongs) = found(Bug::CursorBeforeEffects);
    assert!(wrongs.contains(&Wrong::Lost), "seed {seed}: {wrongs:?}");
}

#[test]
fn a_database_that_goes_back_unseen_is_found() {
    let (seed, wrongs) = found(Bug::UnseenGoingBack);
    assert!(wrongs.contains(&Wrong::DoublePayment), "seed {seed}: {wrongs:?}");
}

#[test]
fn returns_that_all_go_to_the_first_payer_are_found() {
    let (seed, wrongs) = found(Bug::RefundToFirstPayer);
    assert!(
        wrongs.contains(&Wrong::DoublePayment) || wrongs.contains(&Wrong::Lost),
        "seed {seed}: {wrongs:?}"
    );
}
