//! Lists, page by page.

/// Most rows a list shows at once. A store gives one more if asked to, which tells whether the list goes on.
pub const LIST_ROWS_MAX: u32 = 200;

/// A walk over a whole list, in pages of [`LIST_ROWS_MAX`] rows, by the key of the last row that was read.
///
/// ```
/// # use farmgate::ports::store::{LIST_ROWS_MAX, Pages, StoreError, Tx};
/// # async fn count(tx: &mut dyn Tx) -> Result<usize, StoreError> {
/// let (mut count, mut pages) = (0, Pages::new());
/// while let Some(after) = pages.after() {
///     let page = tx.claimables_open(after, LIST_ROWS_MAX).await?;
///     pages.turn(&page, |claimable| claimable.id);
///     count += page.len();
/// }
/// # Ok(count)
/// # }
/// ```
#[derive(Debug)]
pub struct Pages<K>(Place<K>);

#[derive(Debug)]
enum Place<K> {
    Beginning,
    After(K),
    End,
}

impl<K: Clone> Pages<K> {
    /// A walk that has not begun.
    pub const fn new() -> Self {
        Self(Place::Beginning)
    }

    /// The key after which the next page begins, `Some(None)` for the first page; `None` after the last.
    pub fn after(&self) -> Option<Option<K>> {
        match &self.0 {
            Place::Beginning => Some(None),
            Place::After(key) => Some(Some(key.clone())),
            Place::End => None,
        }
    }

    /// Goes on after a page that was read; `key` tells the key of its last row. The list ends with a page
    /// that is not full.
    pub fn turn<T>(&mut self, page: &[T], key: impl FnOnce(&T) -> K) {
        self.0 = match page.last() {
            Some(last) if page.len() >= LIST_ROWS_MAX as usize => Place::After(key(last)),
            Some(_) | None => Place::End,
        };
    }
}

impl<K: Clone> Default for Pages<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rows: u32) -> (Vec<u32>, u32) {
        let (mut seen, mut asked, mut pages) = (Vec::new(), 0, Pages::new());
        while let Some(after) = pages.after() {
            let first = after.map_or(0, |last: u32| last + 1);
            let page: Vec<u32> = (first..rows).take(LIST_ROWS_MAX as usize).collect();
            pages.turn(&page, |row| *row);
            seen.extend(page);
            asked += 1;
        }
        (seen, asked)
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        for (rows, pages) in [(0, 1), (1, 1), (199, 1), (200, 2), (201, 2), (400, 3), (450, 3)] {
            let (seen, asked) = walk(rows);
            assert!(seen.into_iter().eq(0..rows), "{rows}");
            assert_eq!(asked, pages, "{rows}");
        }
    }
}
