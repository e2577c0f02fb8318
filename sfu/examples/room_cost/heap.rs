//! How many bytes the server's threads hold.
#![expect(unsafe_code, reason = "an allocator has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

static BYTES: AtomicI64 = AtomicI64::new(0);
thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(true) };
}

/// Counts what all threads hold but those that do not want to.
struct Counting;

fn count(change: i64) {
    // A thread that is ending is the server's.
    if COUNTED.try_with(Cell::get).unwrap_or(true) {
        BYTES.fetch_add(change, Ordering::Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Leaves the calling thread out: it plays the clients.
pub(crate) fn not_counted() {
    COUNTED.set(false);
}

/// What the other threads hold.
pub(crate) fn bytes() -> i64 {
    BYTES.load(Ordering::Relaxed)
}
