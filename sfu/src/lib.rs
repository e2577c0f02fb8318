//! The SFU's shell: one thread and one UDP port a shard around the media engine.
