//! The way most messages go: known shapes, as a tree of the texts between variables.
//!
//! A message's parts are determined by its bytes alone, so at most one shape fits. A node holds the texts that may come
//! next, sorted; those that begin the rest of the message are tried, the longest first. After a text comes a variable, or the end.
use super::lex::{parts, variable, Part};

/// Texts that begin one another, at most so deep, in a node.
const TRIED: usize = 16;

pub struct Shapes {
    nodes: Vec<Vec<Branch>>,
    count: usize,
    most: usize,
}

struct Branch {
    text: Box<[u8]>,
    /// The skeleton of the shape that ends here.
    end: Option<u32>,
    /// The node after this text and a variable.
    then: Option<u32>,
}

impl Shapes {
    pub fn new(most: usize) -> Self {
        Self { nodes: vec![Vec::new()], count: 0, most }
    }

    /// The skeleton of a message whose shape is known.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.walk(0, text, 0)
    }

    fn walk(&self, node: u32, text: &[u8], at: usize) -> Option<u32> {
        let branches = &self.nodes[node as usize];
        let rest = &text[at..];
        let mut upto = branches.len();
        if upto > 4 {
            upto = branches.partition_point(|branch| *branch.text <= *rest);
        }
        for _ in 0..TRIED {
            let branch = loop {
                upto = upto.checked_sub(1)?;
                if rest.starts_with(&branches[upto].text) {
                    break &branches[upto];
                }
                // What sorts before this one and still begins the rest is no longer than what both share.
                if upto > 4 {
                    let shared = branches[upto].text.iter().zip(rest).take_while(|(one, other)| one == other).count();
                    upto = branches[..upto].partition_point(|branch| *branch.text <= rest[..shared]);
                }
            };
            let after = at + branch.text.len();
            if after == text.len() {
                return branch.end;
            }
            if let (Some(then), Some(end)) = (branch.then, variable(text, after)) {
                if let Some(found) = self.walk(then, text, end) {
                    return Some(found);
                }
            }
        }
        None
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
                node = match self.nodes[node as usize][branch].then {
                    Some(next) => next,
                    None => {
                        let next = self.nodes.len() as u32;
                        self.nodes.push(Vec::new());
                        self.nodes[node as usize][branch].then = Some(next);
                        next
                    }
                };
                from = range.end;
            }
        }
        let branch = self.branch(node, &text[from..]);
        self.nodes[node as usize][branch].end = Some(skeleton);
    }

    fn branch(&mut self, node: u32, text: &[u8]) -> usize {
        let branches = &mut self.nodes[node as usize];
        match branches.binary_search_by(|branch| (*branch.text).cmp(text)) {
            Ok(found) => found,
            Err(place) => {
                branches.insert(place, Branch { text: text.into(), end: None, then: None });
                place
            }
        }
    }
}
