//! The way most messages go: known shapes, as a tree of the texts between variables.
//!
//! A message's parts are determined by its bytes alone, so at most one shape fits, and the order of trying is no matter. A
//! node holds the texts that may come next; after a text comes a variable, or the end.
use super::lex::{parts, variable, Part};

/// As many are tried one by one.
const FEW: usize = 3;
/// Bytes of a text that are compared as one number.
const HEAD: usize = 8;

pub struct Shapes {
    nodes: Vec<Node>,
    branches: Vec<Branch>,
    count: usize,
    most: usize,
}

/// The texts that may come next.
#[derive(Default)]
struct Node {
    /// Of a head or more, sorted by head and text.
    long: Vec<(u64, u32)>,
    /// Shorter ones: the head, and the bits of it that count.
    short: Vec<(u64, u64, u32)>,
}

struct Branch {
    text: Box<[u8]>,
    /// The skeleton of the shape that ends here.
    end: Option<u32>,
    /// The node after this text and a variable.
    then: Option<u32>,
}

/// The first bytes, the first in the highest place.
#[inline]
fn head(text: &[u8]) -> u64 {
    let mut bytes = [0; HEAD];
    if let Some(first) = text.first_chunk::<HEAD>() {
        bytes = *first;
    } else {
        bytes[..text.len()].copy_from_slice(text);
    }
    u64::from_be_bytes(bytes)
}

/// The bits of a head that a text of this length fills.
fn filled(length: usize) -> u64 {
    if length == 0 {
        0
    } else {
        u64::MAX << (64 - 8 * length.min(HEAD))
    }
}

/// How many of the first `count` places are so, when those that are come first.
#[inline]
fn bisect(count: usize, is: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        if is(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl Shapes {
    pub fn new(most: usize) -> Self {
        Self { nodes: vec![Node::default()], branches: Vec::new(), count: 0, most }
    }

    /// The skeleton of a message whose shape is known.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.walk(0, text, 0)
    }

    fn walk(&self, node: u32, text: &[u8], at: usize) -> Option<u32> {
        let node = &self.nodes[node as usize];
        let rest = &text[at..];
        let of_rest = head(rest);
        if !node.long.is_empty() && rest.len() >= HEAD {
            let from = node.long.partition_point(|(head, _)| *head < of_rest);
            let same = node.long[from..].iter().take_while(|(head, _)| *head == of_rest).count();
            if same > 0 {
                if let Some(found) = self.among(&node.long[from..from + same], text, at) {
                    return Some(found);
                }
            }
        }
        for (head, filled, branch) in &node.short {
            if of_rest & filled == *head {
                let branch = &self.branches[*branch as usize];
                if branch.text.len() <= rest.len() {
                    if let Some(found) = self.follow(branch, text, at + branch.text.len()) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// Among texts of one head, sorted.
    #[inline]
    fn among(&self, texts: &[(u64, u32)], text: &[u8], at: usize) -> Option<u32> {
        let rest = &text[at + HEAD..];
        let tail = |place: usize| &self.branches[texts[place].1 as usize].text[HEAD..];
        let mut upto = texts.len();
        if upto > FEW {
            upto = bisect(upto, |place| tail(place) <= rest);
        }
        while upto > 0 {
            upto -= 1;
            if rest.starts_with(tail(upto)) {
                let branch = &self.branches[texts[upto].1 as usize];
                if let Some(found) = self.follow(branch, text, at + branch.text.len()) {
                    return Some(found);
                }
            } else if upto > FEW {
                // What sorts before this and begins the rest is no longer than what this one shares with it.
                let shared = tail(upto).iter().zip(rest).take_while(|(one, other)| one == other).count();
                upto = bisect(upto, |place| tail(place) <= &rest[..shared]);
            }
        }
        None
    }

    #[inline]
    fn follow(&self, branch: &Branch, text: &[u8], after: usize) -> Option<u32> {
        if after == text.len() {
            return branch.end;
        }
        self.walk(branch.then?, text, variable(text, after)?)
    }

    /// Remember a message's shape, unless there are too many.
    pub fn learn(&mut self, text: &[u8], skeleton: u32) {
        if self.count >= self.most {
            return;
        }
        self.count += 1;
        let (mut node, mut from) = (0, 0);
        for (part, range) in parts(text) {
            if part == Part::Variable {
                let branch = self.branch(node, &text[from..range.start]);
                let next = self.nodes.len() as u32;
                node = *self.branches[branch as usize].then.get_or_insert(next);
                if node == next {
                    self.nodes.push(Node::default());
                }
                from = range.end;
            }
        }
        let branch = self.branch(node, &text[from..]);
        self.branches[branch as usize].end = Some(skeleton);
    }

    /// The branch of this text, a new one if there is none.
    fn branch(&mut self, node: u32, text: &[u8]) -> u32 {
        let new = self.branches.len() as u32;
        let (node, of_text) = (&mut self.nodes[node as usize], head(text));
        let found = if text.len() >= HEAD {
            let place = node.long.binary_search_by(|(head, branch)| {
                head.cmp(&of_text).then_with(|| (*self.branches[*branch as usize].text).cmp(text))
            });
            match place {
                Ok(place) => node.long[place].1,
                Err(place) => {
                    node.long.insert(place, (of_text, new));
                    new
                }
            }
        } else {
            let known = node.short.iter().find(|(_, _, branch)| *self.branches[*branch as usize].text == *text);
            let known = known.map(|(_, _, branch)| *branch);
            if known.is_none() {
                node.short.push((of_text, filled(text.len()), new));
            }
            known.unwrap_or(new)
        };
        if found == new {
            self.branches.push(Branch { text: text.into(), end: None, then: None });
        }
        found
    }
}
