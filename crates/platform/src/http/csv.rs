//! Tables as text for spreadsheets (RFC 4180): one row a line, cells with commas between.
//!
//! A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula and runs it, so such a text gets an
//! apostrophe in front. Numbers are written by us and stay as they are.

/// What is in a cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// A whole number.
    Number(i64),
    /// Text, perhaps by a stranger.
    Text(&'a str),
}

/// Appends a row with its end of line.
pub fn write_row(out: &mut String, cells: &[Cell<'_>]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match cell {
            Cell::Number(number) => out.push_str(&number.to_string()),
            Cell::Text(text) => write_text(out, text),
        }
    }
    out.push_str("\r\n");
}

fn write_text(out: &mut String, text: &str) {
    // Some programs look behind blanks, and behind the full-width forms of these characters.
    let first = text.trim_start_matches(' ').chars().next();
    let runs = first.is_some_and(|c| "=+-@\t\r\n＝＋－＠".contains(c));
    let is_quoted = text.contains(['"', ',', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ');
    if is_quoted {
        out.push('"');
    }
    if runs {
        out.push('\'');
    }
    for c in text.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    if is_quoted {
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_needed_and_never_run() {
        for (text, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+82", "'+82"),
            ("-730", "'-730"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "\"'  =1\""),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("고객 감사", "고객 감사"),
        ] {
            let mut out = String::new();
            write_row(&mut out, &[Cell::Number(-5), Cell::Text(text)]);
            assert_eq!(out, format!("-5,{written}\r\n"));
        }
    }
}
