//! The recovery sealing key as an operator makes it and uses it.

use farmgate_sandbox::wallet::Wallet;

use crate::doctor::Machine;
use crate::support::on_both_databases;

impl Machine {
    /// What a command printed to standard output, or what it complained of.
    async fn said(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
        let output = self.run(arguments, variables).await;
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        if output.status.success() { Ok(out) } else { Err(err) }
    }
}

on_both_databases! {
    async fn a_sealed_secret_is_exported_and_opened_elsewhere(database: &TestStore) {
        let machine = Machine::new(Some(database)).await;
        machine.fund("platform").await;
        let made = machine.said(&["keys", "sealing", "--secret-file", "secret"], &[]).await.unwrap();
        let key = made.trim().strip_prefix("recovery_sealing_key = \"").unwrap().trim_end_matches('"');
        let sealing = [("FARMGATE_STELLAR__RECOVERY_SEALING_KEY", key)];
        assert!(machine.doctor(&[]).await.of("master-secrets").1.contains("dropped"));
        let found = machine.doctor(&sealing).await;
        let (verdict, seen) = found.of("master-secrets");
        assert!(verdict == "ok" && seen.contains(key), "{seen}");
        machine.said(&["setup", "--yes"], &sealing).await.unwrap();
        let mut tx = database.store.begin_read().await.unwrap();
        let channels = tx.channels().await.unwrap().all().unwrap();
        tx.rollback().await.unwrap();
        let opened = channels.iter().find(|channel| channel.account != platform()).unwrap().account;
        let account = &*opened.to_string();

        let unsealed = machine.said(&["unseal", "--secret-file", "secret", account], &[]).await.unwrap();
        let (named, seed) = unsealed.trim().split_once(' ').unwrap();
        assert_eq!((named, seed.parse::<Wallet>().unwrap().account()), (account, opened));
        let exported = machine.said(&["unseal", "--export", account], &[]).await.unwrap();
        assert!(!exported.contains(seed));
        std::fs::write(machine.folder.path().join("boxes"), exported).unwrap();
        let nowhere = [("FARMGATE_DATABASE__URL", "sqlite://nowhere.db")];
        let offline = ["unseal", "--secret-file", "secret", "--boxes", "boxes"];
        let elsewhere = machine.said(&offline, &nowhere).await.unwrap();
        assert_eq!(elsewhere, unsealed);

        machine.said(&["keys", "sealing", "--secret-file", "other"], &[]).await.unwrap();
        let platform = &*platform().to_string();
        for (arguments, named) in [
            (&["unseal", "--secret-file", "other", account][..], key),
            (&["unseal", "--secret-file", "secret", account, platform], platform),
            (&["unseal", "--secret-file", "boxes", account], "--secret-file boxes"),
            (&["unseal", "--secret-file", "nothing", account], "--secret-file nothing"),
            (&["unseal", "--secret-file", "secret", "--boxes", "secret"], "--boxes secret, line 1"),
            (&["keys", "sealing", "--secret-file", "secret"], "--secret-file secret"),
        ] {
            let refused = machine.said(arguments, &[]).await.unwrap_err();
            assert!(refused.contains(named) && !refused.contains(seed), "{arguments:?}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_unsealed_from_a_database_that_is_not_there_and_none_is_made() {
    let machine = Machine::new(None).await;
    machine.said(&["keys", "sealing", "--secret-file", "secret"], &[]).await.unwrap();
    let account = &*platform().to_string();
    let unseal = ["unseal", "--secret-file", "secret", account];
    let refused = machine.said(&unseal, &[]).await.unwrap_err();
    assert!(refused.contains("database.url"), "{refused}");
    assert_eq!(std::fs::read_dir(machine.folder.path()).unwrap().count(), 1, "the secret file alone");
}

fn platform() -> farmgate::domain::address::AccountId {
    "platform".parse::<Wallet>().unwrap().account()
}
