/tmp/wt-cli/cli/target/release/deps/memo_map-8c4213c03d75b7de.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/memo-map-0.3.4/src/lib.rs

/tmp/wt-cli/cli/target/release/deps/libmemo_map-8c4213c03d75b7de.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/memo-map-0.3.4/src/lib.rs

/tmp/wt-cli/cli/target/release/deps/libmemo_map-8c4213c03d75b7de.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/memo-map-0.3.4/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/memo-map-0.3.4/src/lib.rs:
