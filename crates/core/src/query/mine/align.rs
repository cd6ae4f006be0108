//! Which words of a message stand for which variable of a template, where a variable may be several words.
use std::ops::Range;

use super::miner::VARIABLE;

/// For each variable of the template, the words it stands for; nothing where the template is not of these words.
pub fn align(template: &[u32], words: &[u32]) -> Option<Vec<Range<usize>>> {
    let mut held: Vec<Range<usize>> = Vec::new();
    // Where the last variable stands in the template: what follows it is tried one word later when it does not fit.
    let mut last = None;
    let (mut at, mut place) = (0, 0);
    while place < words.len() {
        match template.get(at) {
            Some(&VARIABLE) => {
                held.push(place..place + 1);
                last = Some(at);
                (at, place) = (at + 1, place + 1);
            }
            Some(word) if *word == words[place] => (at, place) = (at + 1, place + 1),
            _ => {
                let longer = held.last_mut()?;
                longer.end += 1;
                (at, place) = (last? + 1, longer.end);
            }
        }
    }
    if at == template.len() {
        return Some(held);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_takes_as_few_words_as_let_the_rest_fit() {
        let told = |template: &[u32], words: &[u32]| {
            align(template, words).map(|held| held.into_iter().map(|run| (run.start, run.end)).collect::<Vec<_>>())
        };
        assert_eq!(told(&[5, 0, 6], &[5, 7, 6]), Some(vec![(1, 2)]));
        assert_eq!(told(&[5, 0, 6], &[5, 6, 6, 6]), Some(vec![(1, 3)]));
        assert_eq!(told(&[0, 6, 0], &[7, 8, 6, 0, 9]), Some(vec![(0, 2), (3, 5)]));
        assert_eq!(told(&[5, 0], &[5, 7, 8]), Some(vec![(1, 3)]));
        assert_eq!(told(&[5, 0, 6], &[5, 6]), None);
        assert_eq!(told(&[5, 6], &[5, 6, 7]), None);
        assert_eq!(told(&[], &[]), Some(vec![]));
    }
}
