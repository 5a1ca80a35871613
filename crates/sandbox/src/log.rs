//! The network on disk: a file of what was in each closed ledger, from which the network is made again.
//!
//! One line of JSON for the network, then one for each ledger with its time, base fee, hash and
//! envelopes. A ledger is written before anyone hears of it. When the file is opened every ledger is made
//! again and its hash compared: a file that was changed, or is of another network, is refused. A last line
//! without its end was being written when the sandbox was stopped, and is cut off: nobody had heard of that
//! ledger. The file is locked while the sandbox runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::history::GENESIS;
use super::ledger::{Genesis, Ledger};
use super::xdr::Tx;
use stellar_types::ids::LedgerSeq;

/// The form of the file.
const VERSION: u32 = 1;
/// Longest line that is read, in bytes: a full ledger of the largest envelopes would be longer, and is
/// nobody's.
const LINE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a network cannot be taken up from its file.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system says no.
    #[error("the sandbox's state in {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another sandbox has it.
    #[error("the sandbox's state in {} is in use by another sandbox", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It is of another network.
    #[error(
        "the sandbox's state in {} is of another network: its {what} is {found}, not {wanted}; start with \
         the same settings, or with another file",
        path.display()
    )]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In the file.
        found: String,
        /// In the settings.
        wanted: String,
    },
    /// It is not what was written.
    #[error("the sandbox's state in {} is damaged at line {line}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    farmgate_sandbox: u32,
    passphrase: String,
    seed: u64,
    ledger_operations_max: u32,
    genesis_time: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    ledger: LedgerSeq,
    closed_at: u64,
    base_fee: i64,
    hash: String,
    envelopes: Vec<String>,
}

/// An open file.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    /// Something was not written: nothing after it may be.
    broken: bool,
}

impl Log {
    /// Takes a network up from its file, or begins one there at `now`.
    pub fn open(path: &Path, genesis: Genesis, now: Timestamp) -> Result<(Self, Ledger), LogError> {
        let failed = |doing| move |source| LogError::Io { path: path.to_owned(), doing, source };
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path).map_err(failed("opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
        }
        let mut log = Self { file, path: path.to_owned(), broken: false };
        let ledger = match log.read(&genesis)? {
            Some(ledger) => ledger,
            None => {
                let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
                let head = Head {
                    farmgate_sandbox: VERSION,
                    passphrase: genesis.passphrase.clone(),
                    seed: genesis.seed,
                    ledger_operations_max: genesis.ledger_operations_max,
                    genesis_time: whole.as_second(),
                };
                log.write(&head).map_err(failed("written"))?;
                Ledger::new(genesis, whole)
            }
        };
        Ok((log, ledger))
    }

    fn damaged(&self, line: usize, reason: impl ToString) -> LogError {
        LogError::Damaged { path: self.path.clone(), line, reason: reason.to_string() }
    }

    /// The network in the file; `None` if nothing whole is in it.
    fn read(&mut self, genesis: &Genesis) -> Result<Option<Ledger>, LogError> {
        let path = self.path.clone();
        let failed = |doing| move |source| LogError::Io { path, doing, source };
        let reader = self.file.try_clone().map_err(failed("read"))?;
        let mut reader = BufReader::new(reader);
        let (mut ledger, mut line, mut whole_bytes) = (None, 0_usize, 0_u64);
        let mut text = Vec::new();
        loop {
            text.clear();
            let path = self.path.clone();
            let read = reader.read_until(b'\n', &mut text).map_err(|source| LogError::Io {
                path,
                doing: "read",
                source,
            })?;
            line += 1;
            if read > LINE_BYTES_MAX {
                return Err(self.damaged(line, "the line is too long"));
            }
            if text.last() != Some(&b'\n') {
                break;
            }
            whole_bytes += u64::try_from(read).unwrap_or(u64::MAX);
            match &mut ledger {
                None => ledger = Some(self.begin(genesis, &text)?),
                Some(ledger) => self.replay(ledger, &text, line)?,
            }
        }
        let path = self.path.clone();
        let failed = |source| LogError::Io { path, doing: "cut to its last whole line", source };
        self.file.set_len(whole_bytes).and_then(|()| self.file.seek(SeekFrom::End(0))).map_err(failed)?;
        Ok(ledger)
    }

    fn begin(&self, genesis: &Genesis, text: &[u8]) -> Result<Ledger, LogError> {
        let head: Head = serde_json::from_slice(text).map_err(|error| self.damaged(1, error))?;
        for (what, found, wanted) in [
            ("form", head.farmgate_sandbox.to_string(), VERSION.to_string()),
            ("passphrase", head.passphrase, genesis.passphrase.clone()),
            ("seed", head.seed.to_string(), genesis.seed.to_string()),
            (
                "limit of operations",
                head.ledger_operations_max.to_string(),
                genesis.ledger_operations_max.to_string(),
            ),
        ] {
            if found != wanted {
                return Err(LogError::OtherNetwork { path: self.path.clone(), what, found, wanted });
            }
        }
        let at = Timestamp::from_second(head.genesis_time).map_err(|error| self.damaged(1, error))?;
        Ok(Ledger::new(genesis.clone(), at))
    }

    fn replay(&self, ledger: &mut Ledger, text: &[u8], line: usize) -> Result<(), LogError> {
        let entry: Entry = serde_json::from_slice(text).map_err(|error| self.damaged(line, error))?;
        let next = ledger.latest().ledger.0.saturating_add(1);
        if entry.ledger.0 != next {
            return Err(self.damaged(line, format!("ledger {} where {next} should be", entry.ledger)));
        }
        let network_id = ledger.network_id();
        let read = |text: &String| Tx::from_base64(text, network_id);
        let transactions: Result<Vec<Tx>, _> = entry.envelopes.iter().map(read).collect();
        let transactions = transactions.map_err(|error| self.damaged(line, error))?;
        ledger.replay(entry.closed_at, entry.base_fee, transactions);
        let made = ledger.history().latest().map(|record| hex::encode(record.hash));
        if made.as_deref() != Some(entry.hash.as_str()) {
            return Err(self.damaged(line, format!("ledger {} does not come out as it was", entry.ledger)));
        }
        Ok(())
    }

    fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(value)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.flush()
    }

    /// Adds the last closed ledger. After a failure nothing more is written: what is in the file stays the
    /// beginning of the truth.
    pub fn append(&mut self, ledger: &Ledger) {
        let Some(record) = ledger.history().latest().filter(|record| record.sequence != GENESIS) else {
            return;
        };
        if self.broken {
            return;
        }
        let transactions = ledger.history().whole().transactions_since(record.sequence);
        let entry = Entry {
            ledger: record.sequence,
            closed_at: record.closed_at,
            base_fee: record.base_fee,
            hash: hex::encode(record.hash),
            envelopes: transactions.iter().map(|record| record.tx.to_base64()).collect(),
        };
        if let Err(error) = self.write(&entry) {
            self.broken = true;
            tracing::error!(%error, path = %self.path.display(), "the sandbox's state is no longer kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faucet::{Gift, give};
    use crate::ledger::LEDGER_OPERATIONS_MAX;
    use crate::network::PASSPHRASE;
    use crate::story::*;
    use stellar_types::asset::Asset;

    fn genesis(seed: u64) -> Genesis {
        Genesis {
            passphrase: PASSPHRASE.to_owned(),
            seed,
            ledger_ms: 5_000,
            ledger_operations_max: LEDGER_OPERATIONS_MAX,
        }
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    /// A story in a file: alice and bob get accounts, alice pays bob, one payment fails.
    fn told(path: &Path) -> Ledger {
        let (mut log, mut ledger) = Log::open(path, genesis(7), now()).unwrap();
        for name in ["alice", "bob"] {
            give(&mut ledger, Gift::Account(id(name)), now()).unwrap();
        }
        ledger.close(now());
        log.append(&ledger);
        for to in ["bob", "nobody"] {
            let tx = write(&ledger, &draft("alice", [pay(to, Asset::Native, 5)]));
            ledger.submit(tx, now());
            ledger.close(now());
            log.append(&ledger);
        }
        ledger
    }

    fn open(path: &Path, seed: u64) -> Result<Ledger, LogError> {
        Log::open(path, genesis(seed), now()).map(|(_, ledger)| ledger)
    }

    #[test]
    fn a_network_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let before = told(&path);
        let (mut log, mut after) = Log::open(&path, genesis(7), now()).unwrap();
        assert_eq!(after.latest(), before.latest());
        assert_eq!(after.history().latest().unwrap().hash, before.history().latest().unwrap().hash);
        assert_eq!(after.state().get(id("bob")), before.state().get(id("bob")));
        assert!(matches!(open(&path, 7), Err(LogError::Locked { .. })));
        after.close(now());
        log.append(&after);
        drop(log);
        assert_eq!(open(&path, 7).unwrap().latest(), after.latest());
    }

    #[test]
    fn a_ledger_that_was_being_written_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let before = told(&path);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        assert_eq!(open(&path, 7).unwrap().latest().ledger.0, before.latest().ledger.0 - 1);
        assert!(std::fs::read(&path).unwrap().ends_with(b"\n"));
    }

    #[test]
    fn another_network_and_a_changed_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        told(&path);
        let other = open(&path, 8).unwrap_err().to_string();
        assert!(other.contains("its seed is 7, not 8"), "{other}");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"closed_at\":17672256", "\"closed_at\":17672257", 1)).unwrap();
        assert!(matches!(open(&path, 7), Err(LogError::Damaged { line: 2, .. })));
        std::fs::write(&path, "something else\n").unwrap();
        assert!(matches!(open(&path, 7), Err(LogError::Damaged { line: 1, .. })));
    }
}
