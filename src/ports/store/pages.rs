//! Lists, page by page.

/// Most rows a list shows at once. A store gives one more if asked to, which tells whether the list goes on.
pub const LIST_ROWS_MAX: u32 = 200;
