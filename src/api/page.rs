use serde::Serialize;
use utoipa::ToSchema;

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
        Self { items: rows.into_iter().map(shape).collect(), next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_given_only_where_there_is_more() {
        let of = |rows: Vec<i32>| Page::of(rows, 2, ToString::to_string, |row| row);
        assert_eq!(of(vec![1, 2, 3]), Page { items: vec![1, 2], next_cursor: Some("2".to_owned()) });
        assert_eq!(of(vec![1, 2]), Page { items: vec![1, 2], next_cursor: None });
        assert_eq!(of(vec![]), Page { items: vec![], next_cursor: None });
    }
}
