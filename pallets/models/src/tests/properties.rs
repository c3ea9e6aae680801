//! Random sequences of all calls by several accounts.

use super::*;
use assay_engine::limits::SEGMENT_LEN;
use assay_primitives::Versions as _;
use proptest::prelude::*;
use std::sync::OnceLock;

const ACCOUNTS: [AccountId; 3] = [ALICE, BOB, CAROL];
const PROGRAMS: u32 = 3;
const LENGTHS: [u64; 3] = [0, 9, SEGMENT_LEN as u64 + 5];

/// Code and hash of the programs in use. The text is translated once.
fn programs() -> &'static [(Vec<u8>, H256)] {
    static LIST: OnceLock<Vec<(Vec<u8>, H256)>> = OnceLock::new();
    LIST.get_or_init(|| {
        (0..PROGRAMS)
            .map(program)
            .map(|code| (code.clone(), program_hash(&code)))
            .collect()
    })
}

/// Chooses one of what exists, whatever its number.
type Choice = usize;

#[derive(Clone, Debug)]
enum Op {
    UploadProgram(Choice),
    RemoveProgram(Choice),
    BeginParams(Choice),
    UploadSegment {
        params: Choice,
        skip: u32,
    },
    RemoveParams(Choice),
    CreateModel {
        name: usize,
    },
    SetMetadata {
        model: Choice,
        name: usize,
    },
    Transfer {
        model: Choice,
        to: Choice,
    },
    RemoveModel(Choice),
    Publish {
        model: Choice,
        program: Choice,
        params: Option<Choice>,
    },
    Deprecate(Choice),
    RemoveVersion(Choice),
    Acquire(Choice),
    Release(Choice),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let choice = 0..100usize;
    let name = 0..20usize;
    prop_oneof![
        3 => choice.clone().prop_map(Op::UploadProgram),
        1 => choice.clone().prop_map(Op::RemoveProgram),
        3 => choice.clone().prop_map(Op::BeginParams),
        // Mostly the next segment; now and then another.
        5 => (choice.clone(), prop_oneof![4 => Just(0u32), 1 => 1..3u32])
            .prop_map(|(params, skip)| Op::UploadSegment { params, skip }),
        1 => choice.clone().prop_map(Op::RemoveParams),
        3 => name.clone().prop_map(|name| Op::CreateModel { name }),
        2 => (choice.clone(), name).prop_map(|(model, name)| Op::SetMetadata { model, name }),
        1 => (choice.clone(), choice.clone()).prop_map(|(model, to)| Op::Transfer { model, to }),
        1 => choice.clone().prop_map(Op::RemoveModel),
        6 => (choice.clone(), choice.clone(), prop::option::of(choice.clone()))
            .prop_map(|(model, program, params)| Op::Publish { model, program, params }),
        2 => choice.clone().prop_map(Op::Deprecate),
        3 => choice.clone().prop_map(Op::RemoveVersion),
        2 => choice.clone().prop_map(Op::Acquire),
        3 => choice.prop_map(Op::Release),
        1 => (1..TIMEOUT * 2).prop_map(Op::Wait),
    ]
}

/// The key chosen among `keys`, or `None` where there are none.
fn chosen<K: Ord>(keys: impl Iterator<Item = K>, choice: Choice) -> Option<K> {
    let mut keys = keys.collect::<Vec<_>>();
    keys.sort();
    let at = choice.checked_rem(keys.len())?;
    keys.into_iter().nth(at)
}

fn owner_of_model(model: ModelId) -> AccountId {
    crate::Models::<Test>::get(model).unwrap().owner
}

fn owner_of_version(version: VersionId) -> AccountId {
    owner_of_model(Versions::<Test>::get(version).unwrap().model)
}

/// Runs `op` by `who`, or by the owner of what it changes. `None` where it finds nothing to change.
fn run(who: Option<AccountId>, op: Op) -> Option<sp_runtime::DispatchResult> {
    let model = |choice| chosen(crate::Models::<Test>::iter_keys(), choice);
    let version = |choice| chosen(Versions::<Test>::iter_keys(), choice);
    let (owner, call) = match op {
        Op::UploadProgram(choice) => {
            let code = programs()[choice % programs().len()].0.clone();
            (ACCOUNTS[choice % 2], Call::upload_program { code })
        }
        Op::RemoveProgram(choice) => {
            let program = chosen(Programs::<Test>::iter_keys(), choice)?;
            (
                Programs::<Test>::get(program)?.owner,
                Call::remove_program { program },
            )
        }
        Op::BeginParams(choice) => (
            ACCOUNTS[choice % 2],
            Call::begin_params {
                len: LENGTHS[choice % LENGTHS.len()],
            },
        ),
        Op::UploadSegment { params, skip } => {
            let params = chosen(Params::<Test>::iter_keys(), params)?;
            let record = Params::<Test>::get(params)?;
            let next = match record.status {
                ParamsStatus::Uploading { frontier, .. } => frontier.segments(),
                ParamsStatus::Complete { .. } => 0,
            };
            let index = next + skip;
            (
                record.owner,
                Call::upload_segment {
                    params,
                    index,
                    bytes: segment(record.len, index),
                },
            )
        }
        Op::RemoveParams(choice) => {
            let params = chosen(Params::<Test>::iter_keys(), choice)?;
            (Params::<Test>::get(params)?.owner, Call::remove_params { params })
        }
        Op::CreateModel { name } => (
            ACCOUNTS[name % 2],
            Call::create_model {
                metadata: metadata(&"m".repeat(name)),
            },
        ),
        Op::SetMetadata { model: choice, name } => {
            let model = model(choice)?;
            let metadata = metadata(&"m".repeat(name));
            (
                owner_of_model(model),
                Call::set_model_metadata { model, metadata },
            )
        }
        Op::Transfer { model: choice, to } => {
            let model = model(choice)?;
            let new_owner = ACCOUNTS[to % ACCOUNTS.len()];
            (owner_of_model(model), Call::transfer_model { model, new_owner })
        }
        Op::RemoveModel(choice) => {
            let model = model(choice)?;
            (owner_of_model(model), Call::remove_model { model })
        }
        Op::Publish {
            model: choice,
            program,
            params,
        } => {
            let model = model(choice)?;
            let mut spec = spec(chosen(Programs::<Test>::iter_keys(), program)?);
            if let Some(choice) = params {
                spec.params = ParamsSource::OnChain(chosen(Params::<Test>::iter_keys(), choice)?);
            }
            (owner_of_model(model), Call::publish_version { model, spec })
        }
        Op::Deprecate(choice) => {
            let version = version(choice)?;
            (owner_of_version(version), Call::deprecate_version { version })
        }
        Op::RemoveVersion(choice) => {
            let version = version(choice)?;
            (owner_of_version(version), Call::remove_version { version })
        }
        Op::Acquire(choice) => return Some(Models::acquire(version(choice)?)),
        Op::Release(choice) => {
            Models::release(chosen(Uses::<Test>::iter_keys(), choice)?);
            return Some(Ok(()));
        }
        Op::Wait(blocks) => {
            System::set_block_number(System::block_number() + blocks);
            return Some(Ok(()));
        }
    };
    Some(dispatch(who.unwrap_or(owner), call))
}

/// Removes all there is, each by its owner.
fn remove_everything() {
    for (version, uses) in Uses::<Test>::iter().collect::<Vec<_>>() {
        (0..uses).for_each(|_| Models::release(version));
    }
    for (version, record) in Versions::<Test>::iter().collect::<Vec<_>>() {
        let owner = owner_of_version(version);
        if !record.deprecated {
            assert_ok!(dispatch(owner, Call::deprecate_version { version }));
        }
        assert_ok!(dispatch(owner, Call::remove_version { version }));
    }
    for (model, record) in crate::Models::<Test>::iter().collect::<Vec<_>>() {
        assert_ok!(dispatch(record.owner, Call::remove_model { model }));
    }
    for (params, record) in Params::<Test>::iter().collect::<Vec<_>>() {
        assert_ok!(dispatch(record.owner, Call::remove_params { params }));
    }
    for (program, record) in Programs::<Test>::iter().collect::<Vec<_>>() {
        assert_ok!(dispatch(record.owner, Call::remove_program { program }));
    }
}

/// Entries of the pallet that are not counters of ids.
fn entries() -> usize {
    let prefix = sp_io::hashing::twox_128(b"Models").to_vec();
    let counters = [
        NextParams::<Test>::exists(),
        NextModel::<Test>::exists(),
        NextVersion::<Test>::exists(),
    ];
    let all = frame_support::storage::KeyPrefixIterator::<()>::new(prefix.clone(), prefix, |_| Ok(()));
    all.count() - counters.into_iter().filter(|exists| *exists).count()
}

proptest! {
    #[test]
    fn any_sequence_of_calls_keeps_the_books_and_leaves_nothing_behind(
        // One of five calls comes from an account that may not own what it changes.
        ops in prop::collection::vec((prop::option::weighted(0.2, 0..ACCOUNTS.len()), op()), 1..100),
    ) {
        ExtBuilder.build_and_execute(|| {
            for (who, op) in ops {
                let described = format!("{op:?}");
                let _ = run(who.map(|who| ACCOUNTS[who]), op);
                assert_eq!(Models::do_try_state(), Ok(()), "after {described}");
            }
            for who in ACCOUNTS {
                let held = Balances::total_balance_on_hold(&who);
                assert_eq!(Balances::free_balance(who) + held, FUNDS, "{who} lost or won");
            }
            remove_everything();
            for who in ACCOUNTS {
                assert_eq!(Balances::free_balance(who), FUNDS, "{who} did not get all back");
            }
            assert_eq!(entries(), 0);
        });
    }
}
