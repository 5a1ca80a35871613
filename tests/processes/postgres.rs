//! PostgreSQL servers of a test's own: a primary, its asynchronous standby, and a switch before them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpStream};

use crate::children::{free_port, signal};
use crate::support::{POSTGRES_VARIABLE, RawConnection};

/// A server with a data folder of its own; gone when dropped.
pub struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    pub port: u16,
}

/// Where the tests' server has its programs.
async fn programs() -> PathBuf {
    let url = std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_| panic!("{POSTGRES_VARIABLE} is not set"));
    let mut raw = RawConnection::to(&url).await;
    let found = raw.texts("SELECT setting FROM pg_config WHERE name = 'BINDIR'").await.remove(0);
    raw.close().await;
    found.into()
}

impl Server {
    /// A new primary.
    pub async fn primary() -> Self {
        let server = Self::without_data(programs().await);
        server.run(
            "initdb",
            &["--username=postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"],
        );
        server.start();
        server
    }

    /// An asynchronous standby of this server.
    pub fn standby(&self) -> Self {
        let standby = Self::without_data(self.programs.clone());
        let from = format!("host=127.0.0.1 port={} user=postgres", self.port);
        standby.run(
            "pg_basebackup",
            &[
                "--dbname",
                &from,
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--wal-method=stream",
            ],
        );
        standby.start();
        standby
    }

    fn without_data(programs: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { programs, folder, port: free_port() };
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").args(["postgres:"]).arg(server.folder.path()).status();
            assert!(owned.unwrap().success());
        }
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program);
        let output = command.args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("--pgdata").arg(self.data()).current_dir(Path::new("/")).stdin(Stdio::null());
        command
    }

    fn start(&self) {
        // Without `fsync` a power cut would lose commits; what is tested is what a standby loses.
        let options = format!(
            "-h 127.0.0.1 -p {} -k {} -c max_connections=50 -c fsync=off",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        let mut command = self.command("pg_ctl");
        command.args(["start", "--silent", "--wait", "--options", &options, "--log"]).arg(&log);
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(started.success(), "{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// A database on it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub async fn raw(&self) -> RawConnection {
        RawConnection::to(&self.url("postgres")).await
    }

    /// The process that sends to the standby, once that has everything.
    pub async fn sender(&self) -> Option<u32> {
        let caught_up = "SELECT pid::bigint FROM pg_stat_replication
            WHERE state = 'streaming' AND replay_lsn = pg_current_wal_lsn()";
        let mut raw = self.raw().await;
        let pid = raw.numbers(caught_up).await.first().copied();
        raw.close().await;
        pid.map(|pid| u32::try_from(pid).unwrap())
    }

    /// Ends it as a power cut would, with this process of its that does not move.
    pub fn dies(&self, frozen: u32) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: u32 = file.lines().next().unwrap().parse().unwrap();
        signal("-KILL", &[postmaster, frozen]);
    }

    /// Ends all sessions of others.
    pub async fn ends_sessions(&self) {
        let mut raw = self.raw().await;
        raw.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        .await;
        raw.close().await;
    }

    /// Says whether it takes writes, to sessions that are there, too.
    pub async fn takes_writes(&self, takes: bool) {
        let mut raw = self.raw().await;
        let off = if takes { "off" } else { "on" };
        raw.run(&format!("ALTER SYSTEM SET default_transaction_read_only = {off}")).await;
        raw.run("SELECT pg_reload_conf()").await;
        raw.close().await;
        let mut raw = self.raw().await;
        let expected = [off.to_owned()];
        while raw.texts("SELECT current_setting('default_transaction_read_only')").await != expected {
            tokio::task::yield_now().await;
        }
        raw.close().await;
    }

    /// A standby becomes the primary.
    pub fn promote(&self) {
        self.run("pg_ctl", &["promote", "--silent", "--wait"]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--silent", "--mode=immediate"]).stdout(Stdio::null()).stderr(Stdio::null());
        drop(stop.status());
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// An address behind which one server stands, and later another.
pub struct Switch {
    pub port: u16,
    server: Arc<AtomicU16>,
}

impl Switch {
    pub async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(AtomicU16::new(server.port));
        let server = Arc::clone(&behind);
        tokio::spawn(async move {
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                let port = behind.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    drop(tokio::io::copy_bidirectional(&mut caller, &mut server).await);
                });
            }
        });
        Self { port, server }
    }

    pub fn turn(&self, server: &Server) {
        self.server.store(server.port, Ordering::SeqCst);
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
