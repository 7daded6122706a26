//! Names that are like another one.

/// The one of these names that is most like another; empty when there are none.
pub fn nearest<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> &'a str {
    known.min_by_key(|known| distance(known, name)).unwrap_or_default()
}

/// Letters to change to get from one word to another.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let cost = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("é", "e"), 1);
        assert_eq!(nearest(["output", "input"].into_iter(), "inptu"), "input");
        assert_eq!(nearest(std::iter::empty(), "x"), "");
    }
}
