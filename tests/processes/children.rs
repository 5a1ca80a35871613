//! Starting the program, and waiting for what it does.

use std::process::Stdio;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate::ports::clock::Clock;
use tokio::process::{Child, Command};

/// Longest wait for anything, in steps of [`STEP`].
const STEPS_MAX: u32 = 600;
const STEP: Duration = Duration::from_millis(100);

/// The program under test.
pub fn farmgate() -> Command {
    command(env!("CARGO_BIN_EXE_farmgate"))
}

/// A program, free of this process's configuration.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FARMGATE_")) {
        command.env_remove(name);
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Waits until `look` finds something.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = within_steps(STEPS_MAX, look).await;
    found.unwrap_or_else(|| panic!("waited too long: {what}"))
}

/// Looks so many times until `look` finds something, if it does.
pub async fn within_steps<T>(steps_max: u32, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    for _ in 0..steps_max {
        if let Some(found) = look().await {
            return Some(found);
        }
        SystemClock.sleep(STEP).await;
    }
    None
}

/// A client that goes nowhere but where it is told.
pub fn http_client() -> reqwest::Client {
    // Another test of this process may have chosen it before.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

/// A port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal, such as `-STOP`, to processes of this test; those that are gone already are no matter.
pub fn signal(signal: &str, ids: &[u32]) {
    let ids = ids.iter().map(ToString::to_string);
    // The shell's own: a small system has no such program.
    let mut kill = std::process::Command::new("sh");
    let status = kill.args(["-c", "kill \"$@\"", "kill", signal]).args(ids).stderr(Stdio::null()).status();
    assert!(status.is_ok(), "there is no program kill");
}

/// Kills a process as a power cut would.
pub async fn kill_9(child: &mut Child) {
    child.start_kill().unwrap();
    child.wait().await.unwrap();
}
