//! A PostgreSQL cluster that is there to be killed: its own data directory, its own port, and everything on
//! the disk that it says is.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::children::{command, signal, until};

/// PostgreSQL does not run as root; then it runs as this user.
const USER: &str = "postgres";
/// Where Debian keeps the server's programs, a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    /// User and group that it runs as, if not as ours.
    owner: Option<(u32, u32)>,
    port: u16,
    postmaster: Child,
}

/// The folder of initdb and postgres: the newest of Debian's, or that in PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let number = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().parse().unwrap_or(0_u32);
    let mut found: Vec<(u32, PathBuf)> =
        versions.map(|entry| (number(&entry), entry.path().join("bin"))).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path)
        .filter_map(|folder| std::fs::canonicalize(folder.join("initdb")).ok()?.parent().map(Path::to_owned));
    let all = found.into_iter().rev().map(|(_, folder)| folder).chain(in_path);
    let mut usable = all.filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    usable.next().expect("PostgreSQL's server programs; scripts/test installs them")
}

/// What `id` says: the effective user (`-u`) or group (`-g`), of somebody or of ourselves.
async fn id(flag: &str, user: Option<&str>) -> u32 {
    let output = Command::new("id").arg(flag).args(user).output().await.expect("the program id");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("id {flag} {user:?}: {text}"))
}

/// What the system says of a process: its state and its parent.
fn stat(id: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    ids.filter(|id| stat(*id).is_some_and(|(_, its)| its == parent)).collect()
}

fn is_alive(id: u32) -> bool {
    stat(id).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

impl Cluster {
    pub async fn start(port: u16) -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("farmgate-chaos-").tempdir_in("/tmp").unwrap();
        let is_root = id("-u", None).await == 0;
        let owner =
            if is_root { Some((id("-u", Some(USER)).await, id("-g", Some(USER)).await)) } else { None };
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let initdb = run_as(owner, &programs.join("initdb"), folder.path())
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .args(["--username=postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"])
            .output()
            .await
            .unwrap();
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let postmaster = postmaster(owner, &programs, folder.path(), port);
        let mut cluster = Self { folder, programs, owner, port, postmaster };
        cluster.answers().await;
        cluster
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Kills every process of the server at once, as a power cut would.
    pub async fn kill_9(&mut self) {
        let family = self.family().await;
        signal("-KILL", &family);
        self.postmaster.wait().await.unwrap();
        until("the server's processes are gone", async || {
            (!family.iter().any(|id| is_alive(*id))).then_some(())
        })
        .await;
    }

    /// Kills one session's process: the server then ends all others, and recovers by itself.
    pub async fn kill_9_a_session(&self) {
        let options: PgConnectOptions = self.url().parse().unwrap();
        let victim: Option<i32> = match options.connect().await {
            Ok(mut connection) => {
                let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'farmgate' \
                           ORDER BY (state = 'idle'), state_change DESC LIMIT 1";
                sqlx::query_scalar(sql).fetch_optional(&mut connection).await.unwrap()
            }
            Err(error) => panic!("PostgreSQL does not answer: {error}"),
        };
        if let Some(victim) = victim.and_then(|id| u32::try_from(id).ok()) {
            signal("-KILL", &[victim]);
        }
    }

    /// Starts the server on the data directory as it was left, and waits until it has recovered.
    pub async fn start_again(&mut self) {
        self.postmaster = postmaster(self.owner, &self.programs, self.folder.path(), self.port);
        self.answers().await;
    }

    /// Waits until statements are answered; a server that could not start is started again.
    pub async fn answers(&mut self) {
        let options: PgConnectOptions = self.url().parse().unwrap();
        until("PostgreSQL answers", async || {
            if self.postmaster.try_wait().unwrap().is_some() {
                // The number in it may be somebody else's by now; that of our own server is dead for certain.
                let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
                self.postmaster = postmaster(self.owner, &self.programs, self.folder.path(), self.port);
            }
            let mut connection = options.connect().await.ok()?;
            connection.execute("SELECT 1").await.ok()?;
            connection.close().await.ok()
        })
        .await;
    }

    /// The server's processes, of which no new ones can be made any more.
    async fn family(&self) -> Vec<u32> {
        let first = self.postmaster.id().expect("the server runs");
        signal("-STOP", &[first]);
        until("the server stands still", async || matches!(stat(first)?, ('T' | 'Z', _)).then_some(())).await;
        let mut family = children_of(first);
        family.push(first);
        family
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(first) = self.postmaster.id() {
            signal("-STOP", &[first]);
            let mut family = children_of(first);
            family.push(first);
            signal("-KILL", &family);
        }
    }
}

fn run_as(owner: Option<(u32, u32)>, program: &Path, folder: &Path) -> Command {
    let mut command = command(program.to_str().expect("a path in UTF-8"));
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir(folder);
    command
}

fn postmaster(owner: Option<(u32, u32)>, programs: &Path, folder: &Path, port: u16) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    run_as(owner, &programs.join("postgres"), folder)
        .arg("-D")
        .arg(folder.join("data"))
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-c",
            "fsync=on",
            "-c",
            "synchronous_commit=on",
            "-k",
        ])
        .arg(folder)
        .stdout(Stdio::from(log.try_clone().unwrap()))
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap()
}
