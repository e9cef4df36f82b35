//! In which order a walk tries what may have issued a certificate.
//!
//! Tests: the table in `tests/cases` (hostile chains).

use std::collections::VecDeque;

use super::Walk;

impl Walk<'_, '_> {
    /// For each node, the certificates between it and the next trust anchor over links that are not
    /// known to be none; `usize::MAX` where none is to be reached.
    pub(super) fn distances(&self) -> Vec<usize> {
        let nodes = &self.graph.nodes;
        let mut distances = vec![usize::MAX; nodes.len()];
        let mut queue = VecDeque::new();
        for (number, distance) in distances.iter_mut().enumerate() {
            if self.node(number).is_some_and(|node| self.anchors(number, node).next().is_some()) {
                *distance = 0;
                queue.push_back(number);
            }
        }
        while let Some(number) = queue.pop_front() {
            let (Some(node), Some(&distance)) = (self.node(number), distances.get(number)) else {
                continue;
            };
            for &below in &node.issued {
                let reached = self.node(below).is_some_and(|node| self.may_be_issued(node))
                    && self.may_link(below, node.key);
                match distances.get_mut(below) {
                    Some(known) if reached && *known == usize::MAX => {
                        *known = distance + 1;
                        queue.push_back(below);
                    }
                    _ => {}
                }
            }
        }
        distances
    }

    /// Whether a node that has lost a link has another that leads as straight to a trust anchor. Then
    /// no distance has changed.
    pub(super) fn is_as_near(&self, number: usize, distances: &[usize]) -> bool {
        let (Some(node), Some(&distance)) = (self.node(number), distances.get(number)) else {
            return false;
        };
        let Some(above) = distance.checked_sub(1) else {
            return self.anchors(number, node).next().is_some();
        };
        node.issuers.iter().any(|&issuer| {
            distances.get(issuer) == Some(&above)
                && self.node(issuer).is_some_and(|issuer| self.may_link(number, issuer.key))
        })
    }
}
