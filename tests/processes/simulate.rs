//! `farmgate simulate` as a program: what it prints for programs, and its exit code.

use crate::children::farmgate;

#[tokio::test]
async fn the_last_line_for_programs_tells_what_was_done_and_what_came_of_it() {
    let output = farmgate().args(["simulate", "--seeds", "3..4", "--json"]).output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(told["seeds"], 2, "the first and the last are included");
    for key in ["faults", "crashes", "reservations", "settled", "refunded"] {
        assert!(told[key].as_u64().is_some_and(|count| count > 0), "{key}: {told}");
    }
    for key in ["double_payments", "lost", "unbalanced"] {
        assert_eq!(told[key], 0, "{key}: {told}");
    }
}

#[tokio::test]
async fn seeds_that_are_none_are_refused_by_name() {
    let output = farmgate().args(["simulate", "--seeds", "4..3"]).output().await.unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("seeds"), "{told}");
}
