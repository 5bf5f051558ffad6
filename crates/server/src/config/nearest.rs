//! Which word was meant: the nearest of a few, by the number of letters to change.

/// The candidate that `word` most likely means, or nothing when all are far away.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.len() / 3).max(2);
    candidates
        .map(|candidate| (rank(word, candidate), candidate))
        .min()
        .filter(|(rank, _)| *rank <= bound)
        .map(|(_, c)| c)
}

/// How far apart two keys are; a key without its first parts (`welcome`) counts as one letter off.
fn rank(word: &str, candidate: &str) -> usize {
    let last_parts = candidate.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'));
    if last_parts { 1 } else { distance(word, candidate) }
}

/// Letters to insert, remove or replace to make `a` into `b` (Levenshtein), with one row of the table at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("points.welcome", "points.welcome"), 0);
    }

    #[test]
    fn a_word_that_is_near_nothing_gets_no_suggestion() {
        assert_eq!(nearest("zebra", ["listen", "timezone"].into_iter()), None);
        assert_eq!(nearest("welcome", ["listen", "points.welcome"].into_iter()), Some("points.welcome"));
    }
}
