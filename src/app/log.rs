//! Where the lines of the log go: a bounded queue, and one thread that writes it to standard error.
//!
//! Who logs never waits and never fails, whatever becomes of standard error: a reader that is gone, a full
//! disk or a pipe that nobody empties costs lines of the log and nothing else. What is lost is counted
//! ([`lines_lost`]). What is queued when the process ends is written before, for a while ([`WriteRest`]).

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Most that waits to be written, in bytes; what comes beyond it is lost.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// How long the end of the process waits for what is queued.
const REST_WAIT: Duration = Duration::from_secs(3);

/// Lines that wait for one thread to write them.
struct LineQueue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    emptied: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    writing: bool,
    lost: u64,
}

impl LineQueue {
    /// A queue, and the thread that empties it into `out`. Without a thread to be had, what does not fit is
    /// lost.
    fn into_writer(bytes_max: usize, out: impl Write + Send + 'static) -> Arc<Self> {
        let queue = Arc::new(Self {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            bytes_max,
        });
        let emptied = Arc::clone(&queue);
        let _without = std::thread::Builder::new().name("log".to_owned()).spawn(move || emptied.empty(out));
        queue
    }

    /// Takes a line, or counts it as lost if there is no room.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.locked();
        if waiting.bytes.saturating_add(line.len()) > self.bytes_max {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        drop(waiting);
        self.filled.notify_one();
    }

    /// Writes line after line, for ever. A line that cannot be written is lost, and the next one is tried: a
    /// disk may have room again.
    fn empty(&self, mut out: impl Write) {
        loop {
            let mut waiting = self.locked();
            let line = loop {
                match waiting.lines.pop_front() {
                    Some(line) => break line,
                    None => waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                }
            };
            waiting.writing = true;
            drop(waiting);
            let written = out.write_all(&line).and_then(|()| out.flush());
            let mut waiting = self.locked();
            waiting.writing = false;
            waiting.bytes -= line.len();
            waiting.lost = waiting.lost.saturating_add(u64::from(written.is_err()));
            if waiting.lines.is_empty() {
                self.emptied.notify_all();
            }
        }
    }

    /// Waits until everything is written or lost, and no longer than `wait`.
    fn write_rest(&self, wait: Duration) {
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let _in_time = self.emptied.wait_timeout_while(self.locked(), wait, busy);
    }

    fn lost(&self) -> u64 {
        self.locked().lost
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static STDERR: OnceLock<Arc<LineQueue>> = OnceLock::new();

fn stderr() -> &'static LineQueue {
    STDERR.get_or_init(|| LineQueue::into_writer(QUEUE_BYTES_MAX, io::stderr()))
}

/// Takes what is written to it at once as one line of the log. Never fails.
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        stderr().push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many lines were lost since the process began.
pub fn lines_lost() -> u64 {
    stderr().lost()
}

/// A line for people, after what is in the log already.
pub fn say(line: &str) {
    stderr().push(format!("{line}\n").as_bytes());
}

/// Has panics told where the log goes: the hook that is there by itself waits for standard error.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("without a name"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text.push_str(&format!("\n{backtrace}"));
        }
        say(&text);
    }));
}

/// Writes what is left of the log when it is dropped, at the very end of the process.
#[derive(Debug)]
pub struct WriteRest;

impl Drop for WriteRest {
    fn drop(&mut self) {
        if let Some(queue) = STDERR.get() {
            queue.write_rest(REST_WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    type Written = Arc<Mutex<Vec<u8>>>;

    /// Writes wherever it is told, as often as it is let.
    struct Out {
        written: Written,
        answers: Receiver<io::Result<()>>,
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Whoever lets it no more lets everything.
            self.answers.recv().unwrap_or(Ok(()))?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue(bytes_max: usize) -> (Arc<LineQueue>, Written, Sender<io::Result<()>>) {
        let (answer, answers) = channel();
        let written = Written::default();
        let out = Out { written: Arc::clone(&written), answers };
        (LineQueue::into_writer(bytes_max, out), written, answer)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn lines_are_written_in_order_and_the_rest_before_the_end() {
        let (queue, written, answer) = queue(1_000);
        (0..100).for_each(|number| queue.push(format!("{number}\n").as_bytes()));
        drop(answer);
        queue.write_rest(LONG);
        let all: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!((written.lock().unwrap().as_slice(), queue.lost()), (all.as_bytes(), 0));
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_counted_and_the_next_is_written() {
        let (queue, written, answer) = queue(1_000);
        queue.push(b"one\n");
        queue.push(b"two\n");
        queue.push(b"three\n");
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            answer.send(Err(kind.into())).unwrap();
        }
        drop(answer);
        queue.write_rest(LONG);
        assert_eq!((written.lock().unwrap().as_slice(), queue.lost()), (b"three\n".as_slice(), 2));
    }

    #[test]
    fn who_logs_never_waits_for_a_reader_and_what_does_not_fit_is_counted() {
        let (queue, written, answer) = queue(10);
        (0..7).for_each(|_| queue.push(b"four"));
        assert_eq!(queue.lost(), 5);
        queue.write_rest(Duration::ZERO);
        assert_eq!(written.lock().unwrap().as_slice(), b"");
        drop(answer);
        queue.write_rest(LONG);
        queue.push(b"again");
        queue.write_rest(LONG);
        assert_eq!((written.lock().unwrap().as_slice(), queue.lost()), (b"fourfouragain".as_slice(), 5));
    }
}
