//! The version of facts: of what is kept as JSON, and can grow without the schema.
//!
//! Whoever opens a database writes facts of its own version from then on, and says so first. A program that
//! knows only earlier ones does not begin to work on it: it would find rows that it cannot read, one by one.

use super::rows::Table;
use super::session::Session;
use super::sql::{args, statements};
use crate::ports::store::StoreError;

/// The version of the facts that this program writes. Facts of any type that is kept as JSON may not change
/// without a higher one.
pub const FACTS_VERSION: i64 = 4;

const DEPLOYMENT: Table = Table { name: "deployment", key: &["id"] };

statements! {
    WRITTEN = "SELECT id, facts_version FROM deployment WHERE id = 1";
    WRITE = "UPDATE deployment SET facts_version = $1 WHERE id = 1 AND facts_version < $1";
}

/// The highest version of facts that was written into the database.
///
/// # Errors
/// [`StoreError::Refused`] if this program does not know it.
pub(super) async fn written(session: &mut Session) -> Result<i64, StoreError> {
    let Some(row) = session.row(WRITTEN, args![]).await? else { return Ok(FACTS_VERSION) };
    let written = row.of(&DEPLOYMENT).int("facts_version")?;
    if written > FACTS_VERSION {
        let reason = format!(
            "it has facts of version {written}, written by a newer program; this one knows {FACTS_VERSION}"
        );
        return Err(StoreError::Refused { reason });
    }
    Ok(written)
}

/// Says that facts of this program's version are written from now on.
pub(super) async fn write(session: &mut Session) -> Result<(), StoreError> {
    session.execute(WRITE, args![FACTS_VERSION]).await.map(drop)
}
