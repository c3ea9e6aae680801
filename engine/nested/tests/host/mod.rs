//! Runs the blob in the SDK's executor, configured as a node configures it by default.

use assay_engine_nested::blob;
use codec::{Decode, Encode};
use sc_executor::{WasmExecutionMethod, WasmExecutor, DEFAULT_HEAP_ALLOC_STRATEGY};
use sp_core::traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode};
use sp_state_machine::BasicExternalities;
use std::sync::LazyLock;

/// The blob in an executor.
pub struct Host {
    executor: WasmExecutor,
    code: WrappedRuntimeCode<'static>,
}

impl Host {
    /// That of this process: compiling the blob takes seconds.
    pub fn shared() -> &'static Self {
        static HOST: LazyLock<Host> = LazyLock::new(Host::new);
        &HOST
    }

    fn new() -> Self {
        let executor = WasmExecutor::builder()
            .with_execution_method(WasmExecutionMethod::default())
            .with_onchain_heap_alloc_strategy(DEFAULT_HEAP_ALLOC_STRATEGY)
            .with_offchain_heap_alloc_strategy(DEFAULT_HEAP_ALLOC_STRATEGY)
            .with_max_runtime_instances(8)
            .with_runtime_cache_size(2)
            .build();
        let blob = blob().expect("the blob is built unless SKIP_WASM_BUILD is set");
        Self {
            executor,
            code: WrappedRuntimeCode(blob.into()),
        }
    }

    /// Calls an export. Panics where the blob does.
    pub fn call<R: Decode>(&self, export: &str, arguments: impl Encode) -> R {
        let code = RuntimeCode {
            code_fetcher: &self.code,
            heap_pages: None,
            hash: vec![0],
        };
        let mut externalities = BasicExternalities::default();
        let context = CallContext::Onchain { import: false };
        let (result, _) = self
            .executor
            .call(&mut externalities, &code, export, &arguments.encode(), context);
        let encoded = result.unwrap_or_else(|error| panic!("`{export}` failed: {error}"));
        R::decode(&mut &encoded[..]).expect("an export's result decodes")
    }
}
