//! Where the demo is shown: live on a terminal, in a line every few seconds elsewhere.
//!
//! The live view has the terminal's alternate screen for itself: the scrollback never sees a half of it,
//! whatever becomes of the terminal's size meanwhile, and what was on the screen before is there again
//! afterwards.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use console::Term;
use farmgate_sandbox::Sandbox;

use super::layout::{self, Row, Size};
use super::legend;
use super::scenario::Scenario;
use super::text::wrapped;
use crate::app::clock::SystemClock;
use crate::ports::clock::Clock;

/// How often the view is renewed.
const FRAME: Duration = Duration::from_millis(200);
/// Without a terminal there is a line for so many frames: five seconds.
const FRAMES_A_LINE: u64 = 25;
/// How wide the lines that stay may be, in columns, and how wide they are where there is no terminal.
const COLUMNS_MAX: usize = 100;
/// What is taken for the size of a terminal that does not know it.
const USUAL: Size = Size { columns: 80, lines: 24 };
/// The alternate screen without a cursor, and where lines that are too long are cut, not wrapped; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Where the demo is shown.
pub(super) struct View {
    /// The terminal, if there is one that can move its cursor.
    terminal: Option<Term>,
}

impl View {
    pub(super) fn new() -> Self {
        let terminal = Term::stdout();
        let live = terminal.features().is_attended() && !console::is_dumb();
        Self { terminal: live.then_some(terminal) }
    }

    /// True if customers are watched on a terminal.
    pub(super) const fn is_live(&self) -> bool {
        self.terminal.is_some()
    }

    /// How wide lines that stay may be.
    pub(super) fn columns(&self) -> usize {
        self.terminal.as_ref().map_or(COLUMNS_MAX, |terminal| size(terminal).columns.min(COLUMNS_MAX))
    }

    /// A line that stays.
    pub(super) fn line(&self, line: &str) -> Result<(), std::io::Error> {
        writeln!(std::io::stdout().lock(), "{line}")
    }

    /// A text that stays, after its head and wrapped.
    pub(super) fn text(&self, head: &str, text: &str) -> Result<(), std::io::Error> {
        wrapped(head, text, self.columns()).iter().try_for_each(|line| self.line(line))
    }

    /// Keeps the view up to date; never returns unless it cannot be shown. `resting` is true once every
    /// scenario has come to its end.
    pub(super) async fn keep(
        &self,
        sandbox: &Sandbox,
        scenarios: &[Scenario],
        resting: &AtomicBool,
    ) -> std::io::Error {
        let began = SystemClock.now();
        let mut moves = Moves::default();
        let mut screen = None;
        loop {
            let rows = moves.rows(scenarios);
            let seconds = SystemClock.now().duration_since(began).as_secs();
            let ledger = sandbox.with_ledger(|ledger| ledger.latest().ledger);
            let when = format!("{seconds} seconds, ledger {ledger}");
            let shown = if let Some(terminal) = &self.terminal {
                let rests = if resting.load(Ordering::Relaxed) {
                    "; all have ended, the last money lands"
                } else {
                    ""
                };
                let title = format!("Farmgate's demo: {when}{rests}");
                let size = size(terminal);
                let lines = layout::frame(size, &title, &legend::LEGEND, &rows);
                Screen::open(&mut screen, terminal).and_then(|screen| screen.show(size, lines))
            } else if moves.frames.is_multiple_of(FRAMES_A_LINE) {
                self.text("", &format!("after {when}: {}", layout::counts(&rows)))
            } else {
                Ok(())
            };
            if let Err(error) = shown {
                return error;
            }
            SystemClock.sleep(FRAME).await;
        }
    }

    /// Everybody, and where they stand, in lines that stay.
    pub(super) fn standing(&self, scenarios: &[Scenario]) -> Result<(), std::io::Error> {
        let rows = Moves::default().rows(scenarios);
        layout::everybody(self.columns(), &rows).iter().try_for_each(|line| self.line(line))
    }
}

/// A terminal's size now.
fn size(terminal: &Term) -> Size {
    match terminal.size_checked() {
        Some((lines @ 1.., columns @ 1..)) => Size { columns: columns.into(), lines: lines.into() },
        Some(_) | None => USUAL,
    }
}

/// Which customer moved in which frame.
#[derive(Default)]
struct Moves {
    frames: u64,
    last: BTreeMap<&'static str, (String, u64)>,
}

impl Moves {
    /// Where everybody stands in the next frame.
    fn rows(&mut self, scenarios: &[Scenario]) -> Vec<Row> {
        self.frames += 1;
        let row = |scenario: &Scenario| {
            let seen = scenario.seen();
            let last = self.last.entry(scenario.name).or_default();
            if last.0 != seen.state {
                *last = (seen.state.clone(), self.frames);
            }
            Row { name: scenario.name, asks: seen.asks, state: seen.state, moved: last.1 }
        };
        scenarios.iter().map(row).collect()
    }
}

/// The alternate screen, until it is dropped.
struct Screen<'t> {
    terminal: &'t Term,
    size: Size,
    lines: Vec<String>,
}

impl<'t> Screen<'t> {
    /// The screen that was opened before, or a new one.
    fn open<'s>(screen: &'s mut Option<Self>, terminal: &'t Term) -> Result<&'s mut Self, std::io::Error> {
        if screen.is_none() {
            terminal.write_str(ENTER)?;
        }
        let new = || Self { terminal, size: Size { columns: 0, lines: 0 }, lines: Vec::new() };
        Ok(screen.get_or_insert_with(new))
    }

    /// Shows these lines and nothing else. Only what has changed is written.
    fn show(&mut self, size: Size, lines: Vec<String>) -> Result<(), std::io::Error> {
        let mut text = String::new();
        if self.size != size {
            text.push_str("\x1b[2J");
            self.lines.clear();
        }
        for (number, line) in (1..).zip(&lines) {
            if self.lines.get(number - 1) != Some(line) {
                text.push_str(&format!("\x1b[{number};1H\x1b[2K{line}"));
            }
        }
        if lines.len() < self.lines.len() {
            text.push_str(&format!("\x1b[{};1H\x1b[J", lines.len() + 1));
        }
        (self.size, self.lines) = (size, lines);
        self.terminal.write_str(&text)
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        drop(self.terminal.write_str(LEAVE));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek};

    use super::*;

    const SIZE: Size = Size { columns: 80, lines: 24 };

    /// What was written since the last time.
    fn written(file: &mut File) -> String {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        text
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_screen_writes_what_changed_and_gives_the_terminal_back() {
        let mut file = tempfile::tempfile().unwrap();
        let terminal = Term::read_write_pair(file.try_clone().unwrap(), file.try_clone().unwrap());
        let mut screen = None;
        Screen::open(&mut screen, &terminal).unwrap();
        assert_eq!(written(&mut file), ENTER);
        Screen::open(&mut screen, &terminal).unwrap();
        assert_eq!(written(&mut file), "", "it is open already");

        let mut screen = screen.unwrap();
        screen.show(SIZE, lines(&["one", "two", "three"])).unwrap();
        assert_eq!(written(&mut file), "\x1b[2J\x1b[1;1H\x1b[2Kone\x1b[2;1H\x1b[2Ktwo\x1b[3;1H\x1b[2Kthree");
        screen.show(SIZE, lines(&["one", "2"])).unwrap();
        assert_eq!(written(&mut file), "\x1b[2;1H\x1b[2K2\x1b[3;1H\x1b[J", "one line changed, one is gone");
        screen.show(Size { columns: 40, ..SIZE }, lines(&["one", "2"])).unwrap();
        assert!(written(&mut file).starts_with("\x1b[2J\x1b[1;1H\x1b[2Kone"), "another size: all of it");
        drop(screen);
        assert_eq!(written(&mut file), LEAVE);
    }
}
