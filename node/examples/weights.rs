//! Runs a runtime's benchmarks and writes weights: the node's `benchmark pallet`, which nodes otherwise have only
//! where the whole SDK is built for benchmarks. See `scripts/benchmark.sh`.

use clap::Parser;
use cumulus_primitives_proof_size_hostfunction::storage_proof_size;
use frame_benchmarking_cli::PalletCmd;
use sp_runtime::traits::BlakeTwo256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(PalletCmd::parse().run_with_spec::<BlakeTwo256, storage_proof_size::HostFunctions>(None)?)
}
