//! Lists, page by page, and their rows, each by itself.

use super::error::StoreError;

/// Most rows a list shows at once. A store gives one more if asked to, which tells whether the list goes on.
pub const LIST_ROWS_MAX: u32 = 200;

/// A row that cannot be read: a value is missing or is not what it should be, or the row contradicts itself.
/// It was changed by other hands, or written by another version of this program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadableRow {
    /// Its table.
    pub table: &'static str,
    /// The column that cannot be.
    pub column: &'static str,
    /// The columns that name the row, with their values.
    pub key: String,
    /// Why it cannot be, for people.
    pub reason: String,
}

impl UnreadableRow {
    /// The row that an error is about; any other error as it is.
    ///
    /// # Errors
    /// Those that are not [`StoreError::Corrupt`].
    pub fn of(error: StoreError) -> Result<Self, StoreError> {
        match error {
            StoreError::Corrupt { table, column, key, reason } => Ok(Self { table, column, key, reason }),
            error => Err(error),
        }
    }
}

impl From<UnreadableRow> for StoreError {
    fn from(UnreadableRow { table, column, key, reason }: UnreadableRow) -> Self {
        Self::Corrupt { table, column, key, reason }
    }
}

impl std::fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        StoreError::from(self.clone()).fmt(f)
    }
}

/// A row of a page: its key, unless not even that can be read, and what it says, if it can be read.
pub type Listed<T, K> = (Option<K>, Result<T, UnreadableRow>);

/// A part of a list, in its order. Each row stands for itself: one that cannot be read hides no other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Page<T, K> {
    rows: Vec<Listed<T, K>>,
}

impl<T, K: Clone> Page<T, K> {
    /// A page of these rows.
    pub const fn new(rows: Vec<Listed<T, K>>) -> Self {
        Self { rows }
    }

    /// The rows, in order.
    pub fn into_rows(self) -> Vec<Listed<T, K>> {
        self.rows
    }

    /// How many rows there are, readable or not.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The keys of the rows, also of those that cannot be read otherwise.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.iter().filter_map(|(key, _)| key.as_ref())
    }

    /// The last key: what comes after the page comes after it. A last row of which not even the key can be
    /// read begins the next page once more.
    pub fn last(&self) -> Option<K> {
        self.keys().last().cloned()
    }

    /// The rows that can be read; `note` is told of each other one.
    pub fn readable(self, mut note: impl FnMut(UnreadableRow)) -> Vec<T> {
        let mut readable = Vec::with_capacity(self.rows.len());
        for (_, row) in self.rows {
            match row {
                Ok(row) => readable.push(row),
                Err(unreadable) => note(unreadable),
            }
        }
        readable
    }

    /// The rows that cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &UnreadableRow> {
        self.rows.iter().filter_map(|(_, row)| row.as_ref().err())
    }

    /// The row with this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it cannot be read.
    pub fn row(self, key: &K) -> Result<Option<T>, StoreError>
    where
        K: PartialEq,
    {
        let found = self.rows.into_iter().find(|(of, _)| of.as_ref() == Some(key));
        found.map(|(_, row)| row).transpose().map_err(StoreError::from)
    }

    /// All rows, for whom a part is of no use.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: the first row that cannot be read.
    pub fn all(self) -> Result<Vec<T>, StoreError> {
        Ok(self.rows.into_iter().map(|(_, row)| row).collect::<Result<_, _>>()?)
    }
}

/// A walk over a whole list, in pages of [`LIST_ROWS_MAX`] rows, by the key of the last row that was read.
///
/// ```
/// # use farmgate::ports::store::{LIST_ROWS_MAX, Pages, StoreError, Tx};
/// # async fn count(tx: &mut dyn Tx) -> Result<usize, StoreError> {
/// let (mut count, mut pages) = (0, Pages::new());
/// while let Some(after) = pages.after() {
///     let page = tx.claimables_open(after, LIST_ROWS_MAX).await?;
///     count += page.len();
///     pages.turn(&page);
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

    /// Goes on after a page that was read. The list ends with a page that is not full, or that has no row
    /// with a key.
    pub fn turn<T>(&mut self, page: &Page<T, K>) {
        self.go_on(page.len(), page.last());
    }

    /// The same after rows of which each can be read; `key` tells the key of the last.
    pub fn turn_after<T>(&mut self, rows: &[T], key: impl FnOnce(&T) -> K) {
        self.go_on(rows.len(), rows.last().map(key));
    }

    fn go_on(&mut self, rows: usize, last: Option<K>) {
        self.0 = match last {
            Some(last) if rows >= LIST_ROWS_MAX as usize => Place::After(last),
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
            pages.turn_after(&page, |row| *row);
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

    fn listed(key: Option<u32>, row: Result<u32, &str>) -> Listed<u32, u32> {
        let unreadable = |reason: &str| UnreadableRow {
            table: "rows",
            column: "facts",
            key: format!("id {key:?}"),
            reason: reason.to_owned(),
        };
        (key, row.map_err(unreadable))
    }

    #[test]
    fn a_row_that_cannot_be_read_hides_no_other() {
        let rows = vec![
            listed(Some(1), Ok(1)),
            listed(Some(2), Err("no facts")),
            listed(None, Err("no key")),
            listed(Some(4), Ok(4)),
            listed(Some(5), Err("the last")),
            listed(None, Err("the very last")),
        ];
        let page = Page::new(rows);
        assert_eq!((page.len(), page.last()), (6, Some(5)));
        assert!(page.keys().eq(&[1, 2, 4, 5]));
        let mut noted = Vec::new();
        assert_eq!(page.clone().readable(|row| noted.push(row.reason)), [1, 4]);
        assert_eq!(noted, ["no facts", "no key", "the last", "the very last"]);
        assert_eq!(page.all().unwrap_err().to_string(), "rows.facts of id Some(2) cannot be: no facts");
    }

    #[test]
    fn a_list_goes_on_after_a_row_that_cannot_be_read() {
        let mut pages = Pages::new();
        let last = LIST_ROWS_MAX - 1;
        pages.turn(&Page::new((0..last).map(|key| listed(Some(key), Ok(key))).collect()));
        assert_eq!(pages.after(), None, "it was not full");
        let rows = (0..=last).map(|key| listed(Some(key), Err("all of them"))).collect();
        pages.turn(&Page::new(rows));
        assert_eq!(pages.after(), Some(Some(last)));
        pages.turn(&Page::new((0..=last).map(|_| listed(None, Err("no key at all"))).collect()));
        assert_eq!(pages.after(), None, "there is nothing to go on after");
    }
}
