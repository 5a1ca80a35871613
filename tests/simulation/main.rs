//! Short ranges of the simulator's seeds, on both databases.

use farmgate::simulation::{Options, Run, Wrong, run};

/// What a handful of seeds must have met.
const EVENTS: [&str; 6] = [
    "clawbacks",
    "merges_into_ours",
    "orders_for_play_money",
    "play_money_refused",
    "orders_of_extensions",
    "fee_bumps_sent",
];
/// What each seed must have met on average.
const FAULTS_PER_SEED_MIN: u64 = 60;
const CRASHES_PER_SEED_MIN: u64 = 6;

fn runs(seeds: std::ops::RangeInclusive<u64>, options: &Options) -> Vec<Run> {
    seeds.map(|seed| run(seed, options).unwrap_or_else(|error| panic!("seed {seed}: {error}"))).collect()
}

#[track_caller]
fn assert_in_order(runs: &[Run]) {
    for run in runs {
        assert!(run.wrongs.is_empty(), "seed {}: {:#?}\n{:#?}", run.seed, run.wrongs, run.last_events);
        for how in [Wrong::DoublePayment, Wrong::Lost, Wrong::Unbalanced] {
            assert_eq!(run.count(how), 0);
        }
    }
    let seeds = u64::try_from(runs.len()).unwrap();
    let faults: u64 = runs.iter().map(Run::faults_injected).sum();
    let crashes: u64 = runs.iter().map(|run| run.crashes).sum();
    assert!(faults >= seeds * FAULTS_PER_SEED_MIN, "{faults} faults");
    assert!(crashes >= seeds * CRASHES_PER_SEED_MIN, "{crashes} crashes");
    assert!(runs.iter().any(|run| run.settled > 0) && runs.iter().any(|run| run.refunded > 0));
}

#[test]
fn nothing_is_lost_or_paid_twice_on_sqlite() {
    let runs = runs(1..=10, &Options::default());
    assert_in_order(&runs);
    // What happened on the ledger, to the last stroop. A change without a change of behaviour leaves it as it
    // is; another has it reviewed: `INSTA_UPDATE=always cargo test --test simulation`.
    let ledgers: Vec<String> = runs.iter().map(|run| format!("seed {}: {}", run.seed, run.ledgers)).collect();
    insta::assert_snapshot!("ledgers_of_ten_seeds", ledgers.join("\n"));
    for event in EVENTS {
        assert!(runs.iter().any(|run| run.happened.contains_key(event)), "no {event}");
    }
}

#[test]
fn nothing_is_lost_or_paid_twice_on_postgres() {
    let server = std::env::var("FARMGATE_TEST_POSTGRES").expect("FARMGATE_TEST_POSTGRES names a server");
    let options = Options { server: Some(server.parse().unwrap()), ..Options::default() };
    assert_in_order(&runs(1..=2, &options));
}

#[test]
fn a_seed_is_the_same_run_again() {
    let options = Options { events_max: usize::MAX, ..Options::default() };
    let (first, second) = (run(7, &options).unwrap(), run(7, &options).unwrap());
    assert!(first.events > 200, "{} events", first.events);
    assert_eq!(first, second);
    assert_ne!(first.digest, run(8, &options).unwrap().digest);
}
