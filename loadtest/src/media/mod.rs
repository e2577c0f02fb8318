//! What the bots send and what they make of what they receive.

pub mod camera;
pub mod ears;
pub mod payload;
pub mod speech;
pub mod stream;
