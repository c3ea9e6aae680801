//! Builds the runtime to WASM.

fn main() {
    // A linter that wraps the compiler of this build is not the compiler of the WASM toolchain.
    #[cfg(feature = "std")]
    std::env::remove_var("RUSTC_WORKSPACE_WRAPPER");
    #[cfg(feature = "std")]
    substrate_wasm_builder::WasmBuilder::build_using_defaults();
}
