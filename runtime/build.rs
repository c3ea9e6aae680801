//! Builds the runtime to WASM.

fn main() {
    // A linter that wraps the compiler of this build is not the compiler of the WASM toolchain.
    #[cfg(feature = "std")]
    std::env::remove_var("RUSTC_WORKSPACE_WRAPPER");
    #[cfg(feature = "std")]
    builder().build();
}

#[cfg(feature = "std")]
fn builder() -> substrate_wasm_builder::WasmBuilder {
    let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults();
    #[cfg(feature = "metadata-hash")]
    // `TOKEN_SYMBOL` and `TOKEN_DECIMALS` of `src/constants.rs`.
    let builder = builder.enable_metadata_hash("ASSAY", 12);
    builder
}
