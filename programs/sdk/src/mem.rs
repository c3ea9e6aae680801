//! What the compiler calls to copy, move and fill memory, 16 bytes at a time: the functions that come with it take words of
//! four bytes, and the machine has no instructions for it.

use core::arch::wasm32::{u8x16_splat, v128, v128_load, v128_store};

/// Copies `N` bytes, all read before they are written.
#[inline(always)]
unsafe fn word<const N: usize>(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's.
    unsafe {
        to.cast::<[u8; N]>()
            .write_unaligned(from.cast::<[u8; N]>().read_unaligned())
    }
}

/// Copies up to 16 bytes, all read before they are written.
#[inline(always)]
unsafe fn short(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: both halves lie inside of the `len` bytes that the caller has at both places.
    unsafe {
        match len {
            8..=16 => {
                let (first, last) = (
                    from.cast::<u64>().read_unaligned(),
                    from.add(len - 8).cast::<u64>().read_unaligned(),
                );
                to.cast::<u64>().write_unaligned(first);
                to.add(len - 8).cast::<u64>().write_unaligned(last);
            }
            4..=7 => {
                let (first, last) = (
                    from.cast::<u32>().read_unaligned(),
                    from.add(len - 4).cast::<u32>().read_unaligned(),
                );
                to.cast::<u32>().write_unaligned(first);
                to.add(len - 4).cast::<u32>().write_unaligned(last);
            }
            2..=3 => {
                let (first, last) = (
                    from.cast::<u16>().read_unaligned(),
                    from.add(len - 2).cast::<u16>().read_unaligned(),
                );
                to.cast::<u16>().write_unaligned(first);
                to.add(len - 2).cast::<u16>().write_unaligned(last);
            }
            1 => word::<1>(to, from),
            _ => {}
        }
    }
}

#[inline(always)]
unsafe fn load(from: *const u8) -> v128 {
    // SAFETY: the caller's; no alignment is needed.
    unsafe { v128_load(from.cast()) }
}

#[inline(always)]
unsafe fn store(to: *mut u8, value: v128) {
    // SAFETY: the caller's; no alignment is needed.
    unsafe { v128_store(to.cast(), value) }
}

/// Copies from the start. `to` lies before `from`, or they do not overlap.
#[inline(always)]
unsafe fn forwards(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: all offsets are below `len`.
    unsafe {
        if len <= 16 {
            return short(to, from, len);
        }
        let last = load(from.add(len - 16));
        let mut at = 0;
        while at + 64 <= len {
            let block = [0, 16, 32, 48].map(|part| load(from.add(at + part)));
            for (part, value) in block.into_iter().enumerate() {
                store(to.add(at + 16 * part), value);
            }
            at += 64;
        }
        while at + 16 < len {
            store(to.add(at), load(from.add(at)));
            at += 16;
        }
        store(to.add(len - 16), last);
    }
}

/// Copies from the end. `to` lies behind `from`.
#[inline(always)]
unsafe fn backwards(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: all offsets are below `len`.
    unsafe {
        if len <= 16 {
            return short(to, from, len);
        }
        let first = load(from);
        let mut at = len;
        while at >= 64 {
            at -= 64;
            let block = [0, 16, 32, 48].map(|part| load(from.add(at + part)));
            for (part, value) in block.into_iter().enumerate() {
                store(to.add(at + 16 * part), value);
            }
        }
        while at > 16 {
            at -= 16;
            store(to.add(at), load(from.add(at)));
        }
        store(to, first);
    }
}

#[no_mangle]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: what C asks of the caller.
    unsafe { forwards(to, from, len) };
    to
}

#[no_mangle]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: what C asks of the caller.
    unsafe {
        if (to as usize).wrapping_sub(from as usize) >= len {
            forwards(to, from, len);
        } else {
            backwards(to, from, len);
        }
    }
    to
}

#[no_mangle]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    let value = u8x16_splat(byte as u8);
    // SAFETY: all offsets are below `len`.
    unsafe {
        if len < 16 {
            let mut at = 0;
            while at < len {
                // Volatile, so that the compiler does not make a call of this function of it.
                to.add(at).write_volatile(byte as u8);
                at += 1;
            }
            return to;
        }
        let mut at = 0;
        while at + 64 <= len {
            for part in [0, 16, 32, 48] {
                store(to.add(at + part), value);
            }
            at += 64;
        }
        while at + 16 < len {
            store(to.add(at), value);
            at += 16;
        }
        store(to.add(len - 16), value);
    }
    to
}
