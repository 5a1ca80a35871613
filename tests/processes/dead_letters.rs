//! `farmgate dead-letters`: the table, the JSON, the exit codes, and a record that is dismissed.

use farmgate::domain::address::AccountId;
use farmgate::ports::store::{Applied, Quarantined};
use serde_json::Value;

use crate::doctor::Machine;
use crate::support::on_both_databases;

on_both_databases! {
    async fn dead_letters_are_shown_and_a_record_is_dismissed_at_the_command_line(database: &TestStore) {
        let machine = Machine::new(Some(database)).await;
        let run = async |arguments: &[&str]| {
            let output = machine.run(&[&["dead-letters"], arguments].concat(), &[]).await;
            let told = String::from_utf8(output.stdout).unwrap();
            let complained = String::from_utf8(output.stderr).unwrap();
            (output.status.code().unwrap(), told, complained)
        };
        let (code, told, complained) = run(&["--check"]).await;
        assert_eq!(code, 0, "{told} {complained}");
        assert!(told.contains("0 dead letters"), "{told}");
        let mut tx = database.store.begin().await.unwrap();
        let record = Quarantined {
            account: AccountId([1; 32]),
            operation: None,
            json: r#"{"type":"new"}"#.to_owned(),
            reason: "unknown type".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_eq!(tx.quarantine(&record).await.unwrap(), Applied::Executed);
        tx.commit().await.unwrap();

        let (code, told, complained) = run(&["--kind", "unreadable_record"]).await;
        assert_eq!(code, 0, "looking is no failure: {complained}");
        assert!(told.contains("unknown type") && told.contains("1 dead letters"), "{told}");
        assert_eq!(run(&["--check"]).await.0, 1);
        assert_eq!(run(&["--check", "--kind", "held_reservation"]).await.0, 0);
        let (code, told, _) = run(&["--json"]).await;
        assert_eq!(code, 0);
        let letters: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(letters[0]["kind"], "unreadable_record");
        assert_eq!(letters[0]["record"], record.json);
        let (code, _, complained) = run(&["--kind", "lost"]).await;
        assert!(code != 0 && complained.contains("held_reservation"), "{complained}");

        let id = letters[0]["id"].as_str().unwrap();
        let command = letters[0]["actions"][0]["command"].as_str().unwrap();
        assert!(command.starts_with(&format!("farmgate dead-letters dismiss {id} --note ")), "{command}");
        assert_ne!(run(&["dismiss", id]).await.0, 0, "a note is needed");
        let (code, told, complained) = run(&["dismiss", id, "--note", "seen"]).await;
        assert_eq!(code, 0, "{complained}");
        assert!(told.contains("is dismissed"), "{told}");
        assert_eq!(run(&["--check"]).await.0, 0);
        let (_, told, _) = run(&["--dismissed", "--json"]).await;
        let kept: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(kept[0]["dismissed"]["note"], "seen");
        assert_eq!(kept[0]["dismissed"]["by"], "the command line");
        let (code, _, complained) = run(&["dismiss", "held_reservation:5", "--note", "seen"]).await;
        assert!(code != 0 && complained.contains("cannot be dismissed"), "{complained}");
    }
}
