//! `farmgate simulate`: many seeds, some at once, and what they came to.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::error::CommandError;
use crate::app::output::{note, say, table};
use crate::simulation::{self, EVENTS_MAX, Options, Run, SimulationError, Wrong};
use crate::storage::{DatabaseUrl, DatabaseUrlError, EngineKind};

/// `farmgate simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The seeds, the first and the last included, or one alone. Each is one run, and the same run each time.
    #[arg(long, value_name = "A..B", default_value = "1..20")]
    pub seeds: Seeds,
    /// A PostgreSQL server on which each run gets a database of its own, such as
    /// postgres://user@host/postgres [default: SQLite files that are removed].
    #[arg(long, value_name = "URL", value_parser = postgres_server)]
    pub database: Option<DatabaseUrl>,
    /// How many seeds run at once [default: as many as the machine has cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How many of the last events of a seed are shown in which something is wrong.
    #[arg(long, value_name = "N", default_value_t = EVENTS_MAX)]
    pub events: usize,
    /// End with one line of JSON for programs.
    #[arg(long)]
    pub json: bool,
    /// Put a known bug in, to see it found: rebuild-on-504, cursor-before-effects, refund-to-first-payer or
    /// unseen-going-back.
    #[cfg(feature = "simulated-bugs")]
    #[arg(long, value_name = "NAME")]
    pub bug: Option<crate::simulation::bugs::Bug>,
}

/// A range of seeds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// A text that is no range of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// No numbers.
    #[error("seeds are a number, or two with .. between them, such as 1..200")]
    Malformed,
    /// The last is before the first.
    #[error("the last seed is before the first: {last} is below {first}")]
    Backwards {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Too many.
    #[error("{SEEDS_MAX} seeds at most")]
    TooMany,
}

/// Most seeds of one simulation.
pub const SEEDS_MAX: u64 = 1_000_000;

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| SeedsError::Malformed);
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(SeedsError::Backwards { first, last });
        }
        if last - first >= SEEDS_MAX {
            return Err(SeedsError::TooMany);
        }
        Ok(Self { first, last })
    }
}

fn postgres_server(text: &str) -> Result<DatabaseUrl, String> {
    let url: DatabaseUrl = text.parse().map_err(|error: DatabaseUrlError| error.to_string())?;
    match url.engine() {
        EngineKind::Postgres => Ok(url),
        EngineKind::Sqlite => Err("without it SQLite is used; it takes a postgres:// server".to_owned()),
    }
}

/// Most failing seeds that are told of in full.
const FAILURES_TOLD_MAX: usize = 5;

/// What all runs came to.
#[derive(Default)]
struct Total {
    seeds: u64,
    faults: BTreeMap<String, u64>,
    happened: BTreeMap<&'static str, u64>,
    crashes: u64,
    reservations: u64,
    settled: u64,
    refunded: u64,
    held: u64,
    owed: u64,
    wrongs: BTreeMap<Wrong, u64>,
    failed: Vec<u64>,
}

impl Total {
    fn add(&mut self, run: &Run) {
        self.seeds += 1;
        for (fault, count) in &run.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
        for (event, count) in &run.happened {
            *self.happened.entry(event).or_default() += count;
        }
        self.crashes += run.crashes;
        self.reservations += run.reservations;
        self.settled += run.settled;
        self.refunded += run.refunded;
        self.held += run.held;
        self.owed += run.owed;
        for (how, _) in &run.wrongs {
            *self.wrongs.entry(*how).or_default() += 1;
        }
        if !run.wrongs.is_empty() {
            self.failed.push(run.seed);
        }
    }

    fn faults_injected(&self) -> u64 {
        self.faults.values().sum()
    }

    fn count(&self, how: Wrong) -> u64 {
        self.wrongs.get(&how).copied().unwrap_or(0)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "seeds": self.seeds,
            "faults": self.faults_injected(),
            "faults_by_kind": self.faults,
            "events_by_kind": self.happened,
            "crashes": self.crashes,
            "reservations": self.reservations,
            "settled": self.settled,
            "refunded": self.refunded,
            "held": self.held,
            "owed_undeliverable": self.owed,
            "double_payments": self.count(Wrong::DoublePayment),
            "lost": self.count(Wrong::Lost),
            "unbalanced": self.count(Wrong::Unbalanced),
            "broken": self.count(Wrong::Broken),
            "failed_seeds": self.failed,
        })
    }

    fn table(&self) -> String {
        let mut faults = table(["fault", "injected"]);
        for (fault, count) in &self.faults {
            faults.add_row([fault.as_str(), &count.to_string()]);
        }
        let mut events = table(["event", "happened"]);
        for (event, count) in &self.happened {
            events.add_row([*event, &count.to_string()]);
        }
        format!(
            "{faults}\n{events}\n{} seeds: {} faults, {} crashes\n\
             {} reservations: {} settled, {} refunded, {} held, {} returns owed to who cannot receive them\n\
             double payments {}, lost {}, unbalanced {}, other promises broken {}",
            self.seeds,
            self.faults_injected(),
            self.crashes,
            self.reservations,
            self.settled,
            self.refunded,
            self.held,
            self.owed,
            self.count(Wrong::DoublePayment),
            self.count(Wrong::Lost),
            self.count(Wrong::Unbalanced),
            self.count(Wrong::Broken),
        )
    }
}

/// Runs all seeds. The exit code is 0 only if every promise was kept in all of them.
pub(super) fn run(args: &SimulateArgs) -> Result<ExitCode, CommandError> {
    let options = Options {
        server: args.database.clone(),
        events_max: args.events,
        #[cfg(feature = "simulated-bugs")]
        bug: args.bug,
    };
    let seeds = args.seeds.last - args.seeds.first + 1;
    let cores = thread::available_parallelism().map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1));
    let jobs = args.jobs.map_or(cores, u64::from).min(seeds);
    let bar = ProgressBar::new(seeds);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {msg} [{elapsed} of {duration}]")
    {
        bar.set_style(style);
    }
    let (next, stopped) = (AtomicU64::new(args.seeds.first), AtomicBool::new(false));
    let (sender, results) = mpsc::channel::<Result<Run, SimulationError>>();
    let mut total = Total::default();
    let mut failures: Vec<Run> = Vec::new();
    let outcome = thread::scope(|scope| -> Result<(), CommandError> {
        for _ in 0..jobs {
            let (sender, next, stopped, options) = (sender.clone(), &next, &stopped, &options);
            scope.spawn(move || {
                while !stopped.load(Ordering::SeqCst) {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > args.seeds.last || sender.send(simulation::run(seed, options)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for result in &results {
            let run = match result {
                Ok(run) => run,
                Err(error) => {
                    stopped.store(true, Ordering::SeqCst);
                    return Err(error.into());
                }
            };
            total.add(&run);
            if !run.wrongs.is_empty() && failures.len() < FAILURES_TOLD_MAX {
                failures.push(run);
            }
            bar.inc(1);
            bar.set_message(format!("{} faults, {} crashes", total.faults_injected(), total.crashes));
        }
        Ok(())
    });
    bar.finish_and_clear();
    outcome?;
    failures.sort_by_key(|run| run.seed);
    total.failed.sort_unstable();
    for run in &failures {
        note(&failure(run, args));
    }
    if args.json {
        say(&total.json().to_string())?;
    } else {
        say(&total.table())?;
    }
    Ok(if total.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A run in which something is wrong: what, the last events, and how to see it again.
fn failure(run: &Run, args: &SimulateArgs) -> String {
    let mut text = format!("seed {} (digest {}):\n", run.seed, run.digest);
    for (how, what) in &run.wrongs {
        text.push_str(&format!("  {how:?}: {what}\n"));
    }
    text.push_str("  the last events:\n");
    for event in &run.last_events {
        text.push_str(&format!("    {event}\n"));
    }
    let mut command = format!("farmgate simulate --seeds {0}..{0}", run.seed);
    if let Some(database) = &args.database {
        command.push_str(&format!(" --database {database}"));
    }
    #[cfg(feature = "simulated-bugs")]
    if let Some(bug) = args.bug {
        command.push_str(&format!(" --bug {bug}"));
    }
    text.push_str(&format!("  again: {command}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: SimulateArgs,
    }

    #[test]
    fn seeds_are_a_range_with_both_ends() {
        assert_eq!("1..200".parse(), Ok(Seeds { first: 1, last: 200 }));
        assert_eq!("7".parse(), Ok(Seeds { first: 7, last: 7 }));
        assert_eq!("5..1".parse::<Seeds>(), Err(SeedsError::Backwards { first: 5, last: 1 }));
        for (text, said) in [("x", "such as 1..200"), ("5..1", "1 is below 5"), ("1..2000000", "at most")] {
            let error = Typed::try_parse_from(["simulate", "--seeds", text]).unwrap_err().to_string();
            assert!(error.contains("--seeds") && error.contains(said), "{error}");
        }
        let error = Typed::try_parse_from(["simulate", "--database", "sqlite://x"]).unwrap_err();
        assert!(error.to_string().contains("--database"), "{error}");
    }
}
