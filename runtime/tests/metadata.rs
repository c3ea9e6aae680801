//! The metadata with which `assay` was built: `cli/metadata/assay.scale`.

use assay_runtime::Runtime;
use sp_io::TestExternalities;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/metadata/assay.scale");
/// The newest version that clients know.
const VERSION: u32 = 16;
/// Writes the file anew where it is set.
const RENEW: &str = "RENEW_METADATA";

#[test]
fn the_tools_metadata_is_the_runtimes() {
    // Some constants are read from state, where there is none.
    let metadata = TestExternalities::default().execute_with(|| Runtime::metadata_at_version(VERSION));
    let metadata = metadata.expect("the runtime has metadata of this version");
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(FILE, &*metadata).expect("the file can be written");
    }
    let committed = std::fs::read(FILE).expect("the file is there");
    assert!(
        committed == *metadata,
        "the runtime has changed what `assay` sees of it: renew cli/metadata/assay.scale with {RENEW}=1 set for \
         `cargo test --release -p assay-runtime --test metadata`, and build the tools again"
    );
}
