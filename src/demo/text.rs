//! Text in columns: cut, filled and wrapped by the width that a terminal gives it.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

/// What stands for the rest of a text that was cut.
const CUT: &str = "…";

/// A text that takes so many columns exactly.
pub(super) fn cell(text: &str, columns: usize) -> String {
    // A wide letter that is cut leaves a column empty.
    pad_str(&cut(text, columns), columns, Alignment::Left, None).into_owned()
}

/// A text that takes so many columns at most, and nothing after its last letter.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    truncate_str(text.trim_end(), columns, CUT).trim_end().to_owned()
}

/// A text after its head, in lines of so many columns at most; what follows stands below what came first. A
/// word that is longer than a line, such as an address to copy, stays whole.
pub(super) fn wrapped(head: &str, text: &str, columns: usize) -> Vec<String> {
    let indent = " ".repeat(measure_text_width(head));
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && measure_text_width(&line) + 1 + measure_text_width(word) > columns {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_below_and_fit() {
        const COLUMNS: usize = 80;
        let text = "word ".repeat(60);
        let lines = wrapped("  head ", text.trim_end(), COLUMNS);
        assert!(lines.iter().all(|line| measure_text_width(line) <= COLUMNS), "{lines:?}");
        assert!(
            lines.len() > 1 && lines[1..].iter().all(|line| line.starts_with("       word")),
            "{lines:?}"
        );
        assert_eq!(lines.join(" ").split_whitespace().count(), 61);
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_stays_whole() {
        assert_eq!(
            wrapped("at ", "http://127.0.0.1/docs or so", 10),
            ["at http://127.0.0.1/docs", "   or so"]
        );
    }

    #[test]
    fn wide_letters_count_for_two_columns() {
        for columns in 1..12 {
            let text = cell("農場 farm", columns);
            assert_eq!(measure_text_width(&text), columns, "{text:?}");
            assert!(measure_text_width(&cut("農場 farm", columns)) <= columns);
        }
        assert_eq!(cell("農場 farm", 6), "農場 …");
        assert_eq!(cut("", 0), "");
    }
}
