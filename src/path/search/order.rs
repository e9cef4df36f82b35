//! In which order a walk tries what may have issued a certificate: the shortest way to a trust anchor
//! first. Once a signature was wrong, among ways of one length that which costs least to refute, so
//! that as many as can be are tried before the budget for signatures ends.
//!
//! Tests: `tests/differential/tests/hostile.rs`, `tests/verifier.rs`.

use std::collections::VecDeque;

use super::{Node, Walk};
use crate::path::signatures::{Exhausted, cost};

/// What is known of each node, by its number.
pub(super) struct Order {
    /// The certificates between it and the next trust anchor over links that are not known to be
    /// none; `usize::MAX` where none is to be reached.
    distances: Vec<usize>,
    /// What it costs to refute it as the issuer of something. Empty until a signature was wrong.
    prices: Vec<u32>,
}

impl Order {
    /// What a candidate is sorted by.
    fn rank(&self, number: usize) -> (usize, u32) {
        let distance = self.distances.get(number).copied().unwrap_or(usize::MAX);
        (distance, self.prices.get(number).copied().unwrap_or_default())
    }

    /// What may have issued a node and leads to a trust anchor, in the order of trying.
    pub(super) fn issuers(&self, node: &Node<'_>) -> impl Iterator<Item = usize> + use<> {
        let ranks = node.issuers.iter().map(|&issuer| (self.rank(issuer), issuer));
        sorted(ranks.filter(|((distance, _), _)| *distance < usize::MAX).collect())
    }
}

/// Numbers by their ranks, and where those are equal the lower one first, which was sent or read first.
fn sorted(mut ranked: Vec<((usize, u32), usize)>) -> impl Iterator<Item = usize> + use<> {
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, number)| number)
}

impl<'g, 'a> Walk<'g, 'a> {
    /// The order while no signature was wrong.
    pub(super) fn order(&self) -> Order {
        self.measured(Vec::new())
    }

    /// The order once a link from this node was found to be none.
    pub(super) fn order_without(
        &mut self,
        number: usize,
        mut order: Order,
    ) -> Result<Order, Exhausted> {
        match order.prices.get_mut(number) {
            Some(price) if self.is_as_near(number, &order.distances) => {
                *price = self.price(number);
                Ok(order)
            }
            _ => {
                self.spend(self.graph.links / 64)?;
                let prices = (0..self.graph.nodes.len()).map(|node| self.price(node));
                Ok(self.measured(prices.collect()))
            }
        }
    }

    /// Distances, and as the price of each node the least that is to be paid at the end of a shortest
    /// way.
    fn measured(&self, prices: Vec<u32>) -> Order {
        let mut order = Order { distances: vec![usize::MAX; self.graph.nodes.len()], prices };
        let mut queue = VecDeque::new();
        for (number, distance) in order.distances.iter_mut().enumerate() {
            if self.node(number).is_some_and(|node| self.anchors(number, node).next().is_some()) {
                *distance = 0;
                queue.push_back(number);
            }
        }
        while let Some(number) = queue.pop_front() {
            let Some(node) = self.node(number) else { continue };
            let (distance, price) = order.rank(number);
            for &below in &node.issued {
                let may = self.node(below).is_some_and(|node| self.may_be_issued(node))
                    && self.may_link(below, node.key);
                let Some(known) = order.distances.get_mut(below).filter(|_| may) else { continue };
                let is_new = *known == usize::MAX;
                if is_new {
                    *known = distance + 1;
                    queue.push_back(below);
                }
                if let Some(least) = order.prices.get_mut(below).filter(|_| *known == distance + 1)
                {
                    *least = if is_new { price } else { price.min(*least) };
                }
            }
        }
        order
    }

    /// What the signatures cost that are to be verified before it is known that no trust anchor has
    /// issued a node.
    fn price(&self, number: usize) -> u32 {
        let anchors = self.node(number).map(|node| self.anchors(number, node));
        let prices = anchors.into_iter().flatten().map(|anchor| self.price_of_anchor(anchor));
        prices.fold(0, u32::saturating_add)
    }

    fn price_of_anchor(&self, anchor: usize) -> u32 {
        self.graph.anchors.get(anchor).map_or(0, |anchor| cost(anchor.cert.spki))
    }

    /// The trust anchors that may have issued a node, in the order of trying.
    pub(super) fn anchors_in(
        &self,
        order: &Order,
        number: usize,
        node: &'g Node<'a>,
    ) -> impl Iterator<Item = usize> + use<> {
        let is_priced = !order.prices.is_empty();
        let price = |anchor| if is_priced { self.price_of_anchor(anchor) } else { 0 };
        sorted(self.anchors(number, node).map(|anchor| ((0, price(anchor)), anchor)).collect())
    }

    /// Whether a node that has lost a link has another that leads as straight to a trust anchor. Then
    /// no distance has changed.
    fn is_as_near(&self, number: usize, distances: &[usize]) -> bool {
        let (Some(node), Some(distance)) = (self.node(number), distances.get(number)) else {
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
