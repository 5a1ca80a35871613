//! Lists that the store gives a page at a time.

use crate::ports::store::{LIST_ROWS_MAX, StoreError};

/// Everything that there is, by pages of [`LIST_ROWS_MAX`] that begin after a key.
pub(super) async fn all_pages<T, K>(
    mut page: impl AsyncFnMut(Option<K>) -> Result<Vec<T>, StoreError>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, StoreError> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let next = page(all.last().map(&key)).await?;
        let last = next.len() < LIST_ROWS_MAX as usize;
        all.extend(next);
        if last {
            return Ok(all);
        }
    }
}
