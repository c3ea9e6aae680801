/tmp/wt-cli/cli/target/release/deps/smallvec-05715ee99b10a808.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.5/src/lib.rs

/tmp/wt-cli/cli/target/release/deps/libsmallvec-05715ee99b10a808.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.5/src/lib.rs

/tmp/wt-cli/cli/target/release/deps/libsmallvec-05715ee99b10a808.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.5/src/lib.rs:
