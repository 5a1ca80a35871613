//! Lists as they are shown: what can be read, and the names of what cannot.

use super::App;
use super::input::Limit;
use crate::api::{Page, Row};
use crate::ports::store::{self, StoreError, UnreadableRow};

fn row(UnreadableRow { table, column, key, .. }: UnreadableRow) -> Row {
    Row { table: table.to_owned(), column: column.to_owned(), key }
}

async fn note(app: &App, rows: &[UnreadableRow]) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    tx.note_unreadable(rows, app.clock.now()).await?;
    tx.commit().await
}

/// A page of a list as it is shown. Rows that cannot be read are noted, for a person to see to.
pub(super) async fn page<R, K: Clone, T>(
    app: &App,
    page: store::Page<R, K>,
    limit: Limit,
    cursor: impl Fn(&K) -> String,
    shape: impl Fn(R) -> T,
) -> Page<T> {
    let unreadable: Vec<UnreadableRow> = page.unreadable().cloned().collect();
    if !unreadable.is_empty()
        && let Err(error) = note(app, &unreadable).await
    {
        tracing::warn!(%error, "rows that cannot be read were not noted");
    }
    let rows = page.into_rows().into_iter().map(|(key, read)| (key, read.map_err(row)));
    Page::listed(rows.collect(), limit.0, cursor, shape)
}
