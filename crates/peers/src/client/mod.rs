//! Clients as light as they can be, the same for every server: the load test's light connections, one
//! socket for each. All of them live in one thread.

pub(crate) mod camera;
pub(crate) mod load;
pub(crate) mod person;
pub(crate) mod transport;
