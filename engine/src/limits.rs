//! Protocol constants of engine version 1.
//!
//! They are consensus: a change of any of them is a new [`ENGINE_VERSION`]. `docs/limits.md` has
//! the measurements that chose them.

/// The rules that this crate implements. Pinned in every claim.
pub const ENGINE_VERSION: u16 = 1;

/// Bytes of one chunk of memory, a leaf of the memory tree.
pub const CHUNK_LEN: usize = 4096;
/// Levels of a region's subtree: a region has `2^28` chunks.
pub const REGION_LEVELS: u8 = 28;
/// Levels of the whole memory tree: four regions.
pub const MEMORY_LEVELS: u8 = 30;
/// Bytes that one region can address.
pub const REGION_LEN: u64 = 1 << 40;

/// Levels of a segment's subtree: params are uploaded in segments of `2^6` chunks.
pub const SEGMENT_LEVELS: u8 = 6;
/// Bytes of a segment. The last segment of some params may be shorter.
pub const SEGMENT_LEN: usize = CHUNK_LEN << SEGMENT_LEVELS;

/// The most bytes of a program's code.
pub const MAX_PROGRAM_LEN: usize = 128 * 1024;
/// The most pages of 64 KiB that a program's memory may have.
pub const MAX_MEMORY_PAGES: u64 = 128;
/// The most locals of one function, its parameters included. Zeroing them is not metered.
pub const MAX_LOCALS: u32 = 64;
/// The greatest static offset of a store of a lane of 8 or 16 bits.
///
/// The pinned interpreter writes greater ones down with 4 bytes and reads them with 8, and then takes the value from
/// wherever the rest points to: it would leave its own memory.
pub const MAX_LANE_STORE_OFFSET: u64 = 0xffff;
/// The most bytes of all data segments together.
pub const MAX_DATA_LEN: usize = 64 * 1024;
/// The most globals.
pub const MAX_GLOBALS: u32 = 64;
/// The longest chain of calls, `step` included.
pub const MAX_CALL_DEPTH: u32 = 128;
/// The most values that locals and operands of a chain of calls may hold together.
pub const MAX_STACK_VALUES: u32 = 16 * 1024;

/// Fuel of one step. One operator costs one unit; `select`, a store of an integer whose static offset has more than 16 bits,
/// `f32x4.mul` and `f32x4.div` cost two, `f64x2.sqrt` three, `call` four, and `f32x4.sqrt` five; a host call what
/// [`host_call_fuel`] says besides.
pub const STEP_FUEL: u64 = 5_000_000;
/// The most distinct chunks a step may read.
pub const MAX_CHUNKS_READ: usize = 64;
/// The most distinct chunks a step may write.
pub const MAX_CHUNKS_WRITTEN: usize = 64;

/// The most bytes of a job's input.
pub const MAX_INPUT_LEN: u32 = 64 * 1024;
/// The most bytes of an output.
pub const MAX_OUTPUT_LEN: u32 = 16 * 1024;
/// The most steps of a trace: its leaves, one more, are as many as a tree of 30 levels has.
pub const MAX_STEPS: u64 = (1 << 30) - 1;
/// A trace of up to this many steps is published whole in its claim.
pub const MAX_PUBLIC_STEPS: u64 = 64;
/// Levels of a trace tree that one reveal goes down: it shows at most `2^10` hashes, and three reveals
/// reach any step of the longest trace.
pub const REVEAL_LEVELS: u8 = 10;

/// Fuel of a host call that moves `len` bytes between memory and instance. `halt` is free.
///
/// A constant for the call, one for each chunk that so many bytes fill and for one more, and a share for
/// each byte.
pub const fn host_call_fuel(len: u64) -> u64 {
    const CALL: u64 = 100;
    const CHUNK: u64 = 200;
    CALL.saturating_add((len / CHUNK_LEN as u64).saturating_mul(CHUNK))
        .saturating_add(CHUNK)
        .saturating_add(len / 4)
}
