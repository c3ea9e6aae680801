//! Worst cases of all calls, and what other pallets' benchmarks need.

use crate::*;
use alloc::{vec, vec::Vec};
use assay_engine::{
    limits::{CHUNK_LEN, MAX_MEMORY_PAGES, MAX_PROGRAM_LEN, REGION_LEN, REGION_LEVELS, SEGMENT_LEN},
    memory::{Frontier, MemoryTree, Region},
    Program,
};
use assay_primitives::{ModelId, ParamsId, VersionId};
use frame_benchmarking::v2::*;
use frame_support::{
    traits::{fungible::Unbalanced, tokens::Precision, Get},
    BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::traits::{Bounded, Saturating, StaticLookup, Zero};

fn funded<T: Config>(name: &'static str) -> T::AccountId {
    let who = account(name, 0, 0);
    let plenty = BalanceOf::<T>::max_value() / 8u32.into();
    T::Currency::increase_balance(&who, plenty, Precision::Exact).expect("fits an empty account");
    who
}

/// A WASM section.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], leb128(content.len() as u32), content.to_vec()].concat()
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A program of about `len` bytes, and at most so many where `len` is at least 128, that halts with
/// an empty output in its first step.
///
/// Its memory has the largest size. The rest are empty functions, which cost the program check more
/// per byte than long functions do.
fn program_code(len: u32) -> Vec<u8> {
    // Each takes a byte of the function section and three of the code section.
    let functions = len.saturating_sub(128) / 4;
    let types = b"\x03\x60\x01\x7e\x00\x60\x01\x7e\x01\x7e\x60\x00\x00";
    let imports = b"\x01\x05assay\x04halt\x00\x00";
    let declarations = [leb128(functions + 1), vec![1], vec![2; functions as usize]].concat();
    let pages = leb128(MAX_MEMORY_PAGES as u32);
    let memory = [b"\x01\x01".as_slice(), &pages, &pages].concat();
    let exports = b"\x02\x06memory\x02\x00\x04step\x00\x01";
    let step = b"\x08\x00\x42\x00\x10\x00\x42\x00\x0b";
    let bodies = [
        leb128(functions + 1),
        step.to_vec(),
        b"\x02\x00\x0b".repeat(functions as usize),
    ]
    .concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, types),
        section(2, imports),
        section(3, &declarations),
        section(5, &memory),
        section(7, exports),
        section(10, &bodies),
    ]
    .concat()
}

fn uploaded_program<T: Config>(owner: &T::AccountId) -> H256 {
    upload_program::<T>(owner, 0)
}

fn upload_program<T: Config>(owner: &T::AccountId, len: u32) -> H256 {
    let program = Program::new(program_code(len)).expect("keeps the rules");
    Pallet::<T>::do_upload_program(owner.clone(), program.code().to_vec()).expect("new and paid");
    H256(program.hash())
}

/// For the benchmarks of who runs programs. Not the program that versions run.
pub(crate) fn stored_program<T: Config>(len: u32) -> H256 {
    upload_program::<T>(&funded::<T>("programmer"), len.max(132))
}

/// An upload of `len` bytes of which `segments` have arrived.
fn insert_upload<T: Config>(owner: &T::AccountId, segments: u32, len: u64) -> ParamsId {
    let params = NextParams::<T>::get();
    Pallet::<T>::do_begin_params(owner.clone(), T::MaxParamsLen::get()).expect("within limits");
    let mut frontier = Frontier::default();
    for index in 0..segments {
        assert!(frontier.append([index as u8; 32]));
        sp_io::offchain_index::set(&segment_key(params, index), &[0]);
    }
    Params::<T>::mutate(params, |slot| {
        let record = slot.as_mut().expect("just begun");
        record.len = len;
        record.status = ParamsStatus::Uploading {
            frontier,
            last_progress: Zero::zero(),
        };
    });
    params
}

fn full_metadata() -> ModelSpec {
    ModelSpec {
        name: text(64),
        description: text(256),
        url: text(256),
    }
}

fn text(len: usize) -> Vec<u8> {
    vec![b'x'; len]
}

fn created_model<T: Config>(owner: &T::AccountId) -> ModelId {
    let model = NextModel::<T>::get();
    Pallet::<T>::do_create_model(owner.clone(), full_metadata()).expect("named and paid");
    model
}

/// Eight tensors with eight dimensions each.
fn full_tensors() -> Vec<TensorSpec> {
    let tensor = TensorSpec {
        name: text(32),
        dtype: Dtype::I64,
        shape: vec![1; 8],
    };
    vec![tensor; 8]
}

fn full_spec<T: Config>(owner: &T::AccountId) -> VersionSpec {
    let program = uploaded_program::<T>(owner);
    let params = NextParams::<T>::get();
    Pallet::<T>::do_begin_params(owner.clone(), 0).expect("within limits");
    VersionSpec {
        program,
        params: ParamsSource::OnChain(params),
        inputs: full_tensors(),
        outputs: full_tensors(),
        license: text(64),
        royalty: T::MaxRoyalty::get(),
        max_steps: T::MaxSteps::get(),
        labels: vec![text(32); 64],
    }
}

/// A version at the end of a model's full list.
fn published_version<T: Config>(owner: &T::AccountId) -> VersionId {
    let model = created_model::<T>(owner);
    fill_versions::<T>(model, T::MaxVersions::get() - 1);
    let version = NextVersion::<T>::get();
    Pallet::<T>::do_publish_version(owner.clone(), model, full_spec::<T>(owner)).expect("valid and paid");
    version
}

fn fill_versions<T: Config>(model: ModelId, count: u32) {
    let others = (0..count).map(|index| u32::MAX - index).collect::<Vec<_>>();
    ModelVersions::<T>::insert(model, BoundedVec::try_from(others).expect("fits"));
}

/// Inserts a version with a new model, without deposits, for other pallets' benchmarks.
pub(crate) fn insert_version<T: Config>(owner: &T::AccountId, input_len: u32, max_steps: u64) -> VersionId {
    let program = Program::new(program_code(0)).expect("keeps the rules");
    let hash = H256(program.hash());
    let len = program.code().len() as u32;
    let code = Code::try_from(program.code().to_vec()).expect("within limits");
    ProgramCode::<T>::insert(hash, code);
    let record = Programs::<T>::get(hash).unwrap_or(ProgramRecord {
        owner: owner.clone(),
        deposit: Zero::zero(),
        len,
        refs: 0,
    });
    Programs::<T>::insert(
        hash,
        ProgramRecord {
            refs: record.refs + 1,
            ..record
        },
    );

    let deposit = Deposit {
        who: owner.clone(),
        amount: Zero::zero(),
    };
    let model = NextModel::<T>::mutate(|next| core::mem::replace(next, *next + 1));
    Models::<T>::insert(
        model,
        ModelRecord {
            owner: owner.clone(),
            deposit: deposit.clone(),
        },
    );
    Metadata::<T>::set(model, full_metadata().into_metadata::<T>().ok());
    let version = NextVersion::<T>::mutate(|next| core::mem::replace(next, *next + 1));
    ModelVersions::<T>::try_append(model, version).expect("the model's first");
    let record = VersionRecord {
        model,
        deposit,
        program: hash,
        params: None,
        params_root: H256(Frontier::default().region_root()),
        params_len: 0,
        input_len,
        max_steps,
        royalty: T::MaxRoyalty::get(),
        deprecated: false,
    };
    Versions::<T>::insert(version, record);
    let input = Tensor {
        name: BoundedVec::truncate_from(text(32)),
        dtype: Dtype::U8,
        shape: BoundedVec::truncate_from(vec![input_len]),
    };
    let inputs = BoundedVec::truncate_from(vec![input]);
    Details::<T>::insert(
        version,
        VersionDetails {
            inputs,
            ..Default::default()
        },
    );
    version
}

/// Makes the params of `version` external: the memory that is returned, with something on every level.
fn make_external<T: Config>(version: VersionId) -> MemoryTree {
    let mut memory = MemoryTree::new();
    let chunk = vec![1; CHUNK_LEN];
    memory.write(0, &chunk).expect("the memory is whole");
    for level in 0..REGION_LEVELS {
        let chunk_address = (CHUNK_LEN as u64) << level;
        memory.write(chunk_address, &chunk).expect("the memory is whole");
    }
    let root = memory.region_root(Region::Params).expect("the memory is whole");
    Versions::<T>::mutate(version, |slot| {
        let record = slot.as_mut().expect("just published");
        if let Some(params) = record.params.take() {
            Params::<T>::mutate(params, |slot| slot.as_mut().expect("complete").refs = 0);
        }
        record.params_root = H256(root);
        record.params_len = REGION_LEN;
    });
    memory
}

/// Lets `count` accounts ask for a chunk each.
fn fill_requests<T: Config>(version: VersionId, count: u32) {
    for chunk in 0..count {
        let who = account("asker", chunk, 0);
        let plenty = BalanceOf::<T>::max_value() / 64u32.into();
        T::Currency::increase_balance(&who, plenty, Precision::Exact).expect("fits an empty account");
        Pallet::<T>::do_ask_chunk(who, version, chunk).expect("new and paid");
    }
}

#[benchmarks]
mod benches {
    use super::*;

    #[benchmark]
    fn upload_program(n: Linear<128, { MAX_PROGRAM_LEN as u32 }>) {
        let caller = funded::<T>("caller");
        let code = program_code(n);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), code);

        assert_eq!(Programs::<T>::iter().count(), 1);
    }

    #[benchmark]
    fn remove_program() -> Result<(), BenchmarkError> {
        let caller = funded::<T>("caller");
        Pallet::<T>::do_upload_program(caller.clone(), program_code(MAX_PROGRAM_LEN as u32))?;
        let program = Programs::<T>::iter_keys().next().expect("just uploaded");

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), program);

        assert!(!Programs::<T>::contains_key(program));
        Ok(())
    }

    #[benchmark]
    fn begin_empty_params() {
        let caller = funded::<T>("caller");

        #[extrinsic_call]
        begin_params(RawOrigin::Signed(caller), 0);

        assert!(matches!(
            Params::<T>::get(0).unwrap().status,
            ParamsStatus::Complete { .. }
        ));
    }

    #[benchmark]
    fn begin_params() {
        let caller = funded::<T>("caller");

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), T::MaxParamsLen::get());

        assert!(Params::<T>::contains_key(0));
    }

    /// The last segment, whose root goes up through all levels.
    #[benchmark]
    fn upload_segment(n: Linear<1, { SEGMENT_LEN as u32 }>) {
        let caller = funded::<T>("caller");
        let index = segment_count(T::MaxParamsLen::get()) - 1;
        let len = u64::from(index) * SEGMENT_LEN as u64 + u64::from(n);
        let params = insert_upload::<T>(&caller, index, len);
        let bytes = vec![0xa5; n as usize];

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), params, index, bytes);

        let record = Params::<T>::get(params).expect("still there");
        assert!(matches!(record.status, ParamsStatus::Complete { .. }));
    }

    #[benchmark]
    fn remove_params(s: Linear<0, { segment_count(T::MaxParamsLen::get()) }>) {
        let caller = funded::<T>("caller");
        let len = (u64::from(s) + 1) * SEGMENT_LEN as u64;
        let params = insert_upload::<T>(&caller, s, len);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), params);

        assert!(!Params::<T>::contains_key(params));
    }

    #[benchmark]
    fn create_model() {
        let caller = funded::<T>("caller");

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), full_metadata());

        assert!(Models::<T>::contains_key(0));
    }

    /// By a new owner: two accounts' holds change.
    #[benchmark]
    fn set_model_metadata() -> Result<(), BenchmarkError> {
        let old_owner = funded::<T>("old owner");
        let caller = funded::<T>("caller");
        let model = created_model::<T>(&old_owner);
        Pallet::<T>::do_transfer_model(old_owner, model, caller.clone())?;

        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), model, full_metadata());

        assert_eq!(
            Models::<T>::get(model).map(|record| record.deposit.who),
            Some(caller)
        );
        Ok(())
    }

    #[benchmark]
    fn transfer_model() {
        let caller = funded::<T>("caller");
        let new_owner = account::<T::AccountId>("new owner", 0, 0);
        let model = created_model::<T>(&caller);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(caller),
            model,
            T::Lookup::unlookup(new_owner.clone()),
        );

        assert_eq!(
            Models::<T>::get(model).map(|record| record.owner),
            Some(new_owner)
        );
    }

    #[benchmark]
    fn remove_model() {
        let caller = funded::<T>("caller");
        let model = created_model::<T>(&caller);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), model);

        assert!(!Models::<T>::contains_key(model));
    }

    #[benchmark]
    fn publish_version() {
        let caller = funded::<T>("caller");
        let model = created_model::<T>(&caller);
        fill_versions::<T>(model, T::MaxVersions::get() - 1);
        let spec = full_spec::<T>(&caller);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), model, spec);

        assert!(Versions::<T>::contains_key(0));
    }

    #[benchmark]
    fn deprecate_version() {
        let caller = funded::<T>("caller");
        let version = published_version::<T>(&caller);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version);

        assert_eq!(
            Versions::<T>::get(version).map(|record| record.deprecated),
            Some(true)
        );
    }

    #[benchmark]
    fn remove_version() -> Result<(), BenchmarkError> {
        let caller = funded::<T>("caller");
        let version = published_version::<T>(&caller);
        Pallet::<T>::do_deprecate_version(caller.clone(), version)?;
        make_external::<T>(version);
        fill_requests::<T>(version, MAX_CHUNK_REQUESTS);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version);

        assert!(!Versions::<T>::contains_key(version));
        Ok(())
    }

    #[benchmark]
    fn ask_chunk() {
        let caller = funded::<T>("caller");
        let version = published_version::<T>(&caller);
        make_external::<T>(version);
        fill_requests::<T>(version, MAX_CHUNK_REQUESTS - 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version, MAX_CHUNK_REQUESTS);

        assert!(ChunkRequests::<T>::get(version).is_full());
    }

    #[benchmark]
    fn show_chunk() {
        let caller = funded::<T>("caller");
        let version = published_version::<T>(&caller);
        let mut params = make_external::<T>(version);
        fill_requests::<T>(version, MAX_CHUNK_REQUESTS);
        let proof = params.prove(&[0].into()).expect("the memory is whole");

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version, 0, proof);

        assert_eq!(
            ChunkRequests::<T>::get(version).len() as u32,
            MAX_CHUNK_REQUESTS - 1
        );
    }

    #[benchmark]
    fn reclaim_chunk_bond() {
        let caller = funded::<T>("caller");
        let version = published_version::<T>(&caller);
        make_external::<T>(version);
        fill_requests::<T>(version, MAX_CHUNK_REQUESTS);
        let late = T::ChunkTime::get().saturating_add(10u32.into());
        frame_system::Pallet::<T>::set_block_number(late);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version, 0);

        assert!(ChunkRequests::<T>::get(version)
            .iter()
            .any(|request| request.bond.is_none()));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
