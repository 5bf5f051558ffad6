//! Rust source taken apart: code, comments and literals, each at its own place in the text.
//!
//! Not a parser. It knows strings, raw strings, characters, lifetimes and nested comments, and counts brackets in what
//! is left, which is all that the rules need.

/// A piece of the text that is not code.
pub struct Piece {
    /// Line of its first character, from 1.
    pub line: usize,
    /// Place of its first character.
    pub start: usize,
    /// What stands in it, without quotes and comment marks.
    pub text: String,
}

/// A source file, taken apart.
pub struct Source {
    /// The text with comments and the insides of literals blanked out; as long as the text, and with its lines.
    pub code: Vec<char>,
    /// Comments, documentation included.
    pub comments: Vec<Piece>,
    /// String literals of every form.
    pub strings: Vec<Piece>,
    /// Places of the line ends.
    line_ends: Vec<usize>,
}

/// A function that has a body.
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of the word `fn`.
    pub line: usize,
    /// Lines from the word `fn` to its closing bracket.
    pub lines: usize,
}

/// Takes a source file apart.
pub fn scan(text: &str) -> Source {
    let text: Vec<char> = text.chars().collect();
    let line_ends = text.iter().enumerate().filter(|(_, c)| **c == '\n').map(|(at, _)| at).collect();
    let mut source = Source { code: text.clone(), comments: Vec::new(), strings: Vec::new(), line_ends };
    let mut at = 0;
    while at < text.len() {
        let after_name = at > 0 && is_name(text[at - 1]);
        at = match (text[at], text.get(at + 1)) {
            ('/', Some('/')) => source.take_comment(at, at + 2, line_end(&text, at), 0),
            ('/', Some('*')) => source.take_comment(at, at + 2, block_end(&text, at), 2),
            ('"', _) => source.take_string(at + 1, string_end(&text, at + 1), 1),
            ('b' | 'c' | 'r', _) if !after_name => match raw_opening(&text, at) {
                Some((inside, hashes)) => source.take_string(inside, raw_end(&text, inside, hashes), 1 + hashes),
                None => at + 1,
            },
            ('\'', _) => match char_end(&text, at) {
                Some(end) => {
                    source.code[at + 1..end].fill(' ');
                    end + 1
                }
                None => at + 1,
            },
            _ => at + 1,
        };
    }
    source
}

impl Source {
    /// A comment from `start` to before `end`; its text lies between `inside` and `closing` characters before the end.
    fn take_comment(&mut self, start: usize, inside: usize, end: usize, closing: usize) -> usize {
        let text = self.code[inside..end.saturating_sub(closing).max(inside)].iter().collect();
        self.comments.push(Piece { line: self.line(start), start, text });
        blank(&mut self.code[start..end]);
        end
    }

    /// A string whose text is `start..end`; the quote behind it takes `closing` characters. Written line ends count
    /// as blanks, so that the word behind one is a word.
    fn take_string(&mut self, start: usize, end: usize, closing: usize) -> usize {
        let text: String = self.code[start..end].iter().collect();
        let text = text.replace("\\n", "  ").replace("\\t", "  ").replace("\\\n", "  ");
        self.strings.push(Piece { line: self.line(start), start, text });
        blank(&mut self.code[start..end]);
        (end + closing).min(self.code.len())
    }

    /// The line of a place, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.line_ends.partition_point(|end| *end < at)
    }

    /// Forgets everything that stands under `#[cfg(test)]`.
    pub fn without_tests(mut self) -> Self {
        let mark: Vec<char> = "#[cfg(test)]".chars().collect();
        let mut at = 0;
        while let Some(found) = find(&self.code, &mark, at) {
            let end = item_end(&self.code, found + mark.len());
            blank(&mut self.code[found..end]);
            self.strings.retain(|piece| !(found..end).contains(&piece.start));
            self.comments.retain(|piece| !(found..end).contains(&piece.start));
            at = end;
        }
        self
    }

    /// Names and keywords of the code, with their places.
    pub fn names(&self) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        let mut at = 0;
        while at < self.code.len() {
            let end = at + self.code[at..].iter().take_while(|c| is_name(**c)).count();
            if end > at {
                names.push((at, self.code[at..end].iter().collect()));
            }
            at = end.max(at + 1);
        }
        names
    }

    /// The functions that have a body.
    pub fn functions(&self) -> Vec<Function> {
        let names = self.names();
        let called = names.windows(2).filter(|pair| pair[0].1 == "fn" && self.is_gap(pair[0].0 + 2, pair[1].0));
        called.filter_map(|pair| self.function(pair[0].0, pair[1].1.clone())).collect()
    }

    fn function(&self, start: usize, name: String) -> Option<Function> {
        let end = item_end(&self.code, start);
        let has_body = self.code[..end].last() == Some(&'}');
        let line = self.line(start);
        has_body.then(|| Function { name, line, lines: self.line(end - 1) - line + 1 })
    }

    /// Whether nothing but white space stands there.
    fn is_gap(&self, from: usize, to: usize) -> bool {
        self.code[from..to].iter().all(|c| c.is_whitespace())
    }

    /// What follows a place, white space left out, up to `most` characters.
    pub fn after(&self, at: usize, most: usize) -> String {
        self.code[at..].iter().filter(|c| !c.is_whitespace()).take(most).collect()
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blank(place: &mut [char]) {
    for c in place.iter_mut().filter(|c| **c != '\n') {
        *c = ' ';
    }
}

fn find(text: &[char], wanted: &[char], from: usize) -> Option<usize> {
    text.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}

fn line_end(text: &[char], at: usize) -> usize {
    text[at..].iter().position(|c| *c == '\n').map_or(text.len(), |length| at + length)
}

/// Behind the comment that opens at `at`; comments nest.
fn block_end(text: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < text.len() {
        match (text[at], text[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The closing quote of the string whose text begins at `at`.
fn string_end(text: &[char], mut at: usize) -> usize {
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// Where the text of a raw string begins and how many `#` it has, if one opens here: `r"`, `br#"`, `cr##"`.
fn raw_opening(text: &[char], at: usize) -> Option<(usize, usize)> {
    let letters = text[at..].iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let last_is_r = letters <= 2 && text[at + letters - 1] == 'r';
    let hashes = text[at + letters..].iter().take_while(|c| **c == '#').count();
    let inside = at + letters + hashes;
    (last_is_r && text.get(inside) == Some(&'"')).then_some((inside + 1, hashes))
}

fn raw_end(text: &[char], at: usize, hashes: usize) -> usize {
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    find(text, &closing, at).unwrap_or(text.len())
}

/// The closing quote of the character that opens at `at`; nothing if it is a lifetime.
fn char_end(text: &[char], at: usize) -> Option<usize> {
    match (text.get(at + 1)?, text.get(at + 2)?) {
        ('\\', _) => text[at + 3..].iter().position(|c| *c == '\'').map(|length| at + 3 + length),
        (_, '\'') => Some(at + 2),
        _ => None,
    }
}

/// Behind the item that begins at `at`: behind its body, or its semicolon if it has none.
pub fn item_end(code: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut body = false;
    for (place, c) in code.iter().enumerate().skip(at) {
        match c {
            '(' | '[' => depth += 1,
            '{' => {
                body |= depth == 0;
                depth += 1;
            }
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if body && depth == 0 {
                    return place + 1;
                }
            }
            ';' if depth == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}
