//! SRTP against what others wrote.

mod interop;
mod vectors;
