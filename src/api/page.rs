use serde::Serialize;
use utoipa::ToSchema;

use super::dead_letter::Row;

/// Most items a list answers at once.
pub const LIST_ITEMS_MAX: u32 = 100;
/// Items a list answers where no limit is asked for.
pub const LIST_ITEMS_DEFAULT: u32 = 50;

/// A part of a list, in the order of ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The `cursor` that the rest begins after; `null` at the end.
    pub next_cursor: Option<String>,
    /// Items of this page that are stored and cannot be read; left out where there are none. An operator has
    /// to see to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Row>,
}

impl<T> Page<T> {
    /// A page of the first `limit` rows of a list that was read with one row more than that.
    pub fn of<R>(
        mut rows: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> String,
        shape: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(cursor) } else { None };
        Self { items: rows.into_iter().map(shape).collect(), next_cursor, unreadable: Vec::new() }
    }

    /// The same of rows some of which cannot be read; each with its key, unless not even that can be.
    pub fn listed<R, K>(
        mut rows: Vec<(Option<K>, Result<R, Row>)>,
        limit: u32,
        cursor: impl Fn(&K) -> String,
        shape: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.iter().rev().find_map(|(key, _)| key.as_ref());
        let next_cursor = last.filter(|_| more).map(cursor);
        let (mut items, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for (_, row) in rows {
            match row {
                Ok(row) => items.push(shape(row)),
                Err(row) => unreadable.push(row),
            }
        }
        Self { items, next_cursor, unreadable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_given_only_where_there_is_more() {
        let of = |rows: Vec<i32>| Page::of(rows, 2, ToString::to_string, |row| row);
        assert_eq!(
            of(vec![1, 2, 3]),
            Page { items: vec![1, 2], next_cursor: Some("2".to_owned()), unreadable: vec![] }
        );
        assert_eq!(of(vec![1, 2]), Page { items: vec![1, 2], next_cursor: None, unreadable: vec![] });
        assert_eq!(of(vec![]), Page { items: vec![], next_cursor: None, unreadable: vec![] });
    }
}
