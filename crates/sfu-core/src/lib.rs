//! The sans-IO media engine: from a datagram to the datagrams it causes.
