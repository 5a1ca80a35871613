//! Letters of a page of rows, some of which cannot be read.

use jiff::{SignedDuration, Timestamp};

use super::actions;
use crate::api::DeadLetter;
use crate::domain::dead_letter::{Kind, LetterId};
use crate::ports::store::{Page, StoreError, UnreadableRow};

pub(super) fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(now)
}

/// A letter about a row of a kind's list that cannot be read itself: what it is about is not known, but it
/// hides no other.
pub(super) fn cannot_be_read(kind: Kind, now: Timestamp, key: String, row: &UnreadableRow) -> DeadLetter {
    let mut letter = DeadLetter::new(&LetterId::new(kind, key), now, format!("It cannot be read: {row}."));
    letter.reason = Some("unreadable_row".to_owned());
    letter.actions = vec![actions::mend_the_row()];
    letter
}

/// The letter, or one about the row that it could not be made without.
pub(super) fn or_its_row(
    kind: Kind,
    now: Timestamp,
    key: String,
    letter: Result<Option<DeadLetter>, StoreError>,
) -> Result<Option<DeadLetter>, StoreError> {
    letter.or_else(|error| Ok(Some(cannot_be_read(kind, now, key, &UnreadableRow::of(error)?))))
}

/// The letters of a page: each row's, and one for each that cannot be read.
pub(super) fn letters_of<T, K: Clone>(
    (kind, now): (Kind, Timestamp),
    page: Page<T, K>,
    name: impl Fn(K) -> String,
    letter: impl Fn(T) -> DeadLetter,
) -> Vec<DeadLetter> {
    let of = |(key, row): (Option<K>, Result<T, UnreadableRow>)| match (row, key) {
        (Ok(row), _) => Some(letter(row)),
        (Err(row), Some(key)) => Some(cannot_be_read(kind, now, name(key), &row)),
        (Err(_), None) => None,
    };
    page.into_rows().into_iter().filter_map(of).collect()
}
