//! The demo, as the README's first command runs it.

use crate::children::farmgate;

#[tokio::test]
async fn the_demo_adds_up() {
    let output = farmgate().args(["demo", "--exit"]).output().await.unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("everything adds up") && out.contains(" 0 differences"), "{out}");
    assert!(!out.contains("DIFFERS") && !out.contains("should have"), "{out}");
}
