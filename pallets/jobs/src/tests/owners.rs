//! What owners of models do in the random sequences: every call about programs, params, models and versions.

use crate::mock::*;
use assay_engine::{
    limits::CHUNK_LEN,
    memory::{MemoryTree, Proof, Region},
    Program,
};
use assay_primitives::{ModelId, ParamsId, VersionId};
use pallet_models::{Call, ModelSpec, ParamsSource, VersionSpec};
use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::Perbill;
use std::sync::LazyLock;

pub const OWNERS: [AccountId; 3] = [OWNER, BOB, PAUL];

/// Chunks of the params that the chain never sees.
const CHUNKS: u32 = 3;

/// The ids are those of few things, so that acts meet.
#[derive(Clone, Debug)]
pub enum OwnerAct {
    UploadProgram(usize),
    RemoveProgram(usize),
    BeginParams(u64),
    UploadSegment(ParamsId, usize),
    RemoveParams(ParamsId),
    CreateModel,
    SetMetadata(ModelId),
    TransferModel(ModelId, usize),
    RemoveModel(ModelId),
    Publish {
        model: ModelId,
        program: usize,
        params: Option<ParamsId>,
    },
    Deprecate(VersionId),
    RemoveVersion(VersionId),
    AskChunk(VersionId, u32),
    ShowChunk(VersionId, u32),
    ReclaimChunkBond(VersionId, u32),
}

pub fn owner_act() -> impl Strategy<Value = OwnerAct> {
    let id = 0..4u32;
    // Not the one that jobs are for.
    let version = 1..4u32;
    let program = 0..PROGRAMS.len();
    let len = prop_oneof![Just(0), Just(10)];
    let chunk = (version.clone(), 0..=CHUNKS);
    prop_oneof![
        3 => program.clone().prop_map(OwnerAct::UploadProgram),
        1 => program.clone().prop_map(OwnerAct::RemoveProgram),
        2 => len.prop_map(OwnerAct::BeginParams),
        2 => (id.clone(), 9..11usize).prop_map(|(params, len)| OwnerAct::UploadSegment(params, len)),
        1 => id.clone().prop_map(OwnerAct::RemoveParams),
        2 => Just(OwnerAct::CreateModel),
        1 => id.clone().prop_map(OwnerAct::SetMetadata),
        1 => (id.clone(), 0..3usize).prop_map(|(model, to)| OwnerAct::TransferModel(model, to)),
        1 => id.clone().prop_map(OwnerAct::RemoveModel),
        6 => (id.clone(), program, prop::option::weighted(0.3, id))
            .prop_map(|(model, program, params)| OwnerAct::Publish { model, program, params }),
        1 => version.clone().prop_map(OwnerAct::Deprecate),
        1 => version.prop_map(OwnerAct::RemoveVersion),
        4 => chunk.clone().prop_map(|(version, chunk)| OwnerAct::AskChunk(version, chunk)),
        2 => chunk.clone().prop_map(|(version, chunk)| OwnerAct::ShowChunk(version, chunk)),
        2 => chunk.prop_map(|(version, chunk)| OwnerAct::ReclaimChunkBond(version, chunk)),
    ]
}

/// Whether `who` may is for the chain to say.
pub fn perform(who: &AccountId, act: OwnerAct) {
    let call: Call<Test> = match act {
        OwnerAct::UploadProgram(program) => Call::upload_program {
            code: PROGRAMS[program].0.clone(),
        },
        OwnerAct::RemoveProgram(program) => Call::remove_program {
            program: PROGRAMS[program].1,
        },
        OwnerAct::BeginParams(len) => Call::begin_params { len },
        OwnerAct::UploadSegment(params, len) => Call::upload_segment {
            params,
            index: 0,
            bytes: vec![7; len],
        },
        OwnerAct::RemoveParams(params) => Call::remove_params { params },
        OwnerAct::CreateModel => Call::create_model {
            metadata: metadata(0),
        },
        OwnerAct::SetMetadata(model) => Call::set_model_metadata {
            model,
            metadata: metadata(20),
        },
        OwnerAct::TransferModel(model, to) => Call::transfer_model {
            model,
            new_owner: OWNERS[to].clone(),
        },
        OwnerAct::RemoveModel(model) => Call::remove_model { model },
        OwnerAct::Publish {
            model,
            program,
            params,
        } => Call::publish_version {
            model,
            spec: spec(program, params),
        },
        OwnerAct::Deprecate(version) => Call::deprecate_version { version },
        OwnerAct::RemoveVersion(version) => Call::remove_version { version },
        OwnerAct::AskChunk(version, chunk) => Call::ask_chunk { version, chunk },
        OwnerAct::ShowChunk(version, chunk) => Call::show_chunk {
            version,
            chunk,
            proof: proof(chunk),
        },
        OwnerAct::ReclaimChunkBond(version, chunk) => Call::reclaim_chunk_bond { version, chunk },
    };
    let _ = dispatch(who, call);
}

/// Programs that answer with nothing, and their hashes.
static PROGRAMS: LazyLock<[(Vec<u8>, H256); 2]> = LazyLock::new(|| {
    [0, 1].map(|number| {
        let text = format!(
            r#"(module
                (import "assay" "halt" (func $halt (param i64)))
                (memory (export "memory") 1 1)
                (func (export "step") (param i64) (result i64)
                    (call $halt (i64.const 0))
                    (i64.const {number})))"#
        );
        let code = wat::parse_str(text).expect("well formed");
        let hash = Program::new(code.clone()).expect("keeps the rules").hash();
        (code, H256(hash))
    })
});

fn metadata(len: usize) -> ModelSpec {
    ModelSpec {
        name: b"x".to_vec(),
        description: vec![b'x'; len],
        url: vec![],
    }
}

fn spec(program: usize, params: Option<ParamsId>) -> VersionSpec {
    let root = || H256(memory().region_root(Region::Params).expect("is there"));
    let external = || ParamsSource::External {
        root: root(),
        len: u64::from(CHUNKS) * CHUNK_LEN as u64,
        locations: vec![],
    };
    VersionSpec {
        program: PROGRAMS[program].1,
        params: params.map_or_else(external, ParamsSource::OnChain),
        inputs: vec![],
        outputs: vec![],
        license: b"MIT".to_vec(),
        royalty: Perbill::zero(),
        max_steps: 1,
        labels: vec![],
    }
}

/// The params that the chain never sees.
fn memory() -> MemoryTree {
    let mut memory = MemoryTree::new();
    for chunk in 0..CHUNKS {
        let address = u64::from(chunk) * CHUNK_LEN as u64;
        memory.write(address, &[1]).expect("in range");
    }
    memory
}

fn proof(chunk: u32) -> Proof {
    memory().prove(&[chunk].into()).expect("is there")
}
