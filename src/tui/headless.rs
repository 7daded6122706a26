//! The screen without a terminal: what the loop does, a step at a time, for measuring and for pictures.

use std::time::Instant;

use ratatui::Frame;

use super::model::Model;
use super::msg::Msg;
use super::{update, view};
use crate::config::Key;
use crate::model::UnixNanos;
use crate::price::{CostMode, PriceTable};
use crate::source::SourceMessage;
use crate::store::Totals;

impl Model {
    /// Takes in what a source says.
    pub fn receive(&mut self, message: SourceMessage) {
        update::update(self, Msg::Source(message));
    }

    /// Gives it prices.
    pub fn set_prices(&mut self, prices: Box<PriceTable>, mode: CostMode) {
        self.store.set_pricing(prices, mode);
    }

    /// The sums that the header shows.
    pub fn totals(&self) -> &Totals {
        self.store.totals()
    }

    /// Presses a key. What the key asks of the world is not done.
    pub fn press(&mut self, key: Key) {
        update::update(self, Msg::Key(key));
    }

    /// Gives the screen a size, columns and rows, and a moment.
    pub fn place(&mut self, size: (u16, u16), wall: UnixNanos, now: Instant) {
        self.size = size;
        self.set_now(wall, now);
    }

    /// Brings everything that is derived up to date. Returns whether there is more to do.
    pub fn refresh(&mut self) -> bool {
        update::refresh(self);
        update::is_restless(self)
    }

    /// Draws a frame.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        view::draw(frame, self);
    }
}
