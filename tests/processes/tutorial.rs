//! The README's tutorial, word for word: only its two ports are replaced by free ones.

use std::path::Path;

use crate::children::{command, free_port};

/// The shell blocks of the README's tutorial.
fn blocks() -> Vec<String> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let readme = std::fs::read_to_string(Path::new(&root).join("README.md")).unwrap();
    let tutorial = readme.split("\n## Tutorial").nth(1).expect("a tutorial");
    let tutorial = tutorial.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    for part in tutorial.split("```sh\n").skip(1) {
        blocks.push(part.split("```").next().unwrap().to_owned());
    }
    blocks
}

#[tokio::test]
async fn the_tutorial_works_word_for_word() {
    let blocks = blocks();
    assert!(blocks.len() >= 9, "only {} blocks were found", blocks.len());
    assert!(blocks[0].contains("cargo build"), "the first block only builds");
    let (sandbox, api) = (free_port().to_string(), free_port().to_string());
    let script = blocks[1..].join("\n").replace("8000", &sandbox).replace("8480", &api);
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_farmgate"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let script = format!("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    // The tutorial relies on where the program listens and looks by default: the variables stand in for that.
    let mut bash = command("bash");
    let run = bash
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("FARMGATE_SANDBOX_URL", format!("http://127.0.0.1:{sandbox}"))
        .env("FARMGATE_SANDBOX_LISTEN", format!("127.0.0.1:{sandbox}"))
        .env("FARMGATE_STELLAR__HORIZON_URL", format!("http://127.0.0.1:{sandbox}"))
        .env("FARMGATE_HTTP__LISTEN", format!("127.0.0.1:{api}"))
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(150), run)
        .await
        .expect("the tutorial takes too long")
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = |name| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert!(
        output.status.success(),
        "{out}\n{err}\nserve.log: {}\nsandbox.log: {}",
        log("serve.log"),
        log("sandbox.log")
    );
    for expected in ["\"state\": \"settled\"", "pool.created", "\"amount\": \"6.6666667\"", " 0 differences"]
    {
        assert!(out.contains(expected), "{expected} is missing in:\n{out}\n{err}");
    }
}
