//! What waits longest.

use farmgate::domain::reservation::{Funding, Reservation, State};
use farmgate::domain::transfer::Submission;

use crate::samples::{asset, at, reservation, reservation_id, stroops, submission, submission_id, transfer};
use crate::support::on_both_databases;

fn funded(number: u8, second: i64, settling: bool) -> Reservation {
    let funding =
        Funding { asset: asset("TFT"), amount: stroops(1), payment: None, at: at(second), tries: 0 };
    let state = if settling {
        State::Settling { funding, submission: submission_id(1) }
    } else {
        State::Funded { funding }
    };
    Reservation { state, ..reservation(number) }
}

on_both_databases! {
    async fn what_waits_longest_is_found(database: &TestStore) {
        let mut tx = database.store.begin().await.unwrap();
        assert_eq!(tx.oldest_funded().await.unwrap(), None);
        assert_eq!(tx.oldest_unknown().await.unwrap(), None);
        assert_eq!(tx.pending_transfers().await.unwrap(), (0, None));
        tx.insert_reservation(&reservation(9)).await.unwrap();
        for (number, second, settling) in [(1, 50, false), (2, 20, true), (3, 30, false)] {
            tx.insert_reservation(&funded(number, second, settling)).await.unwrap();
        }
        assert_eq!(tx.oldest_funded().await.unwrap(), Some((reservation_id(2), at(20))));
        for (number, second, attempts) in [(1, 10, 0), (2, 40, 3), (3, 30, 1)] {
            let sent = Submission { created_at: at(second), attempts, ..submission(number) };
            tx.insert_submission(&sent).await.unwrap();
        }
        assert_eq!(
            tx.oldest_unknown().await.unwrap(),
            Some((submission_id(3), at(30))),
            "the first was never sent"
        );
        tx.insert_transfers(&[transfer(8, 0), transfer(7, 1)]).await.unwrap();
        assert_eq!(tx.pending_transfers().await.unwrap(), (2, Some(transfer(7, 1).id)));
        tx.commit().await.unwrap();
    }
}
