use super::*;
use assay_engine::{
    limits::CHUNK_LEN,
    memory::{MemoryTree, Proof, ProofNode},
};
use assay_primitives::{Awaited, Versions as _};
use frame_support::dispatch::{DispatchResultWithPostInfo, Pays};

const BOND: Balance = 500;
const TIME: u64 = 20;
const CHUNKS: u32 = 5;

/// Params of which the third chunk is all zeros.
fn memory() -> MemoryTree {
    let mut memory = MemoryTree::new();
    for chunk in [0, 1, 3, 4] {
        memory
            .write(u64::from(chunk) * CHUNK_LEN as u64, &[chunk + 1])
            .unwrap();
    }
    memory
}

fn proof(chunk: u32) -> Proof {
    memory().prove(&[chunk].into()).unwrap()
}

fn external() -> VersionId {
    let root = memory()
        .region_root(assay_engine::memory::Region::Params)
        .unwrap();
    published_with(ParamsSource::External {
        root: H256(root),
        len: u64::from(CHUNKS) * CHUNK_LEN as u64 - 1,
        locations: vec![],
    })
}

fn published_with(params: ParamsSource) -> VersionId {
    let spec = spec(uploaded_program(ALICE, 1));
    published(ALICE, created_model(ALICE), VersionSpec { params, ..spec })
}

fn ask(who: AccountId, chunk: u32) -> sp_runtime::DispatchResult {
    Models::ask_chunk(RuntimeOrigin::signed(who), 0, chunk)
}

fn show(chunk: u32, proof: Proof) -> DispatchResultWithPostInfo {
    Models::show_chunk(RuntimeOrigin::signed(BOB), 0, chunk, proof)
}

fn reclaim(chunk: u32) -> sp_runtime::DispatchResult {
    Models::reclaim_chunk_bond(RuntimeOrigin::signed(BOB), 0, chunk)
}

fn held(who: AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::ChunkRequest.into(), &who)
}

/// Runs `test` with a version of external params.
fn with_external(test: impl FnOnce()) {
    ExtBuilder.build_and_execute(|| {
        System::set_block_number(1);
        assert_eq!(external(), 0);
        test();
    });
}

#[test]
fn chunk_that_is_shown_in_time_burns_the_bond() {
    with_external(|| {
        let before = Balances::total_issuance();
        assert_ok!(ask(BOB, 1));
        let until = 1 + TIME;
        System::assert_last_event(
            Event::ChunkAsked {
                version: 0,
                chunk: 1,
                by: BOB,
                until,
            }
            .into(),
        );
        assert_eq!(held(BOB), BOND);
        assert_eq!(Models::awaited(0, 1), Awaited::Until(until));
        System::set_block_number(until);
        assert_eq!(show(1, proof(1)).unwrap().pays_fee, Pays::No);
        System::assert_last_event(
            Event::ChunkShown {
                version: 0,
                chunk: 1,
                late: false,
            }
            .into(),
        );
        assert_eq!(held(BOB), 0);
        assert_eq!(Balances::total_issuance(), before - BOND);
        assert!(!ChunkRequests::<Test>::contains_key(0));
        assert_eq!(Models::awaited(0, 1), Awaited::Nothing);
    });
}

#[test]
fn version_is_frozen_after_the_last_block_and_thaws_with_the_chunk() {
    with_external(|| {
        assert_ok!(ask(BOB, 0));
        System::set_block_number(1 + TIME);
        assert!(!Models::version_info(0).unwrap().frozen);
        assert_noop!(reclaim(0), Error::<Test>::ChunkNotOverdue);
        System::set_block_number(2 + TIME);
        assert!(Models::version_info(0).unwrap().frozen);
        assert_eq!(Models::awaited(0, 1), Awaited::Missing);
        assert_eq!(Models::awaited(0, 0), Awaited::Nothing);
        let before = Balances::total_issuance();
        assert_ok!(show(0, proof(0)));
        System::assert_last_event(
            Event::ChunkShown {
                version: 0,
                chunk: 0,
                late: true,
            }
            .into(),
        );
        assert_eq!((held(BOB), Balances::total_issuance()), (0, before));
        assert!(!Models::version_info(0).unwrap().frozen);
    });
}

#[test]
fn bond_for_a_chunk_that_nobody_shows_goes_back_once_and_the_freeze_stays() {
    with_external(|| {
        assert_ok!(ask(BOB, 0));
        System::set_block_number(2 + TIME);
        let before = Balances::total_issuance();
        assert_ok!(reclaim(0));
        assert_eq!((held(BOB), Balances::total_issuance()), (0, before));
        assert_noop!(reclaim(0), Error::<Test>::BondReturned);
        assert_eq!(Models::awaited(0, 1), Awaited::Missing);
        assert_ok!(show(0, proof(0)));
        assert_eq!(Models::awaited(0, 1), Awaited::Nothing);
    });
}

#[test]
fn chunk_of_zeros_is_shown_by_what_is_zero() {
    with_external(|| {
        assert_ok!(ask(BOB, 2));
        let proof = proof(2);
        assert!(!proof.nodes.iter().any(|node| matches!(node, ProofNode::Chunk(_))));
        assert_ok!(show(2, proof));
    });
}

#[test]
fn wrong_proofs_show_nothing() {
    with_external(|| {
        assert_ok!(ask(BOB, 1));
        let mut other = memory();
        other.write(CHUNK_LEN as u64, &[9]).unwrap();
        let two = memory().prove(&[0, 1].into()).unwrap();
        let root_alone = Proof {
            nodes: vec![ProofNode::Pruned(memory().root())],
        };
        let wrong = [
            ("of another chunk", proof(0)),
            ("of other params", other.prove(&[1].into()).unwrap()),
            ("of two chunks", two),
            ("of none", root_alone),
            ("nothing", Proof::default()),
            (
                "without end",
                Proof {
                    nodes: vec![ProofNode::Branch; 1_000],
                },
            ),
        ];
        for (what, proof) in wrong {
            assert_eq!(
                show(1, proof).unwrap_err().error,
                Error::<Test>::WrongChunk.into(),
                "{what}"
            );
        }
        assert_ok!(show(1, proof(1)));
    });
}

/// A program may read behind the end of the params, as long as they are said to be.
#[test]
fn chunks_behind_the_end_can_be_asked_for_and_are_zeros_or_withheld() {
    with_external(|| {
        let behind = (1 << 28) - 1;
        assert_ok!(ask(BOB, CHUNKS));
        assert_ok!(ask(BOB, behind));
        assert_ok!(show(CHUNKS, proof(CHUNKS)));
        assert_ok!(show(behind, proof(behind)));

        let mut hiding = memory();
        hiding.write(u64::from(behind) * CHUNK_LEN as u64, &[1]).unwrap();
        let root = hiding.region_root(assay_engine::memory::Region::Params);
        Versions::<Test>::mutate(0, |record| {
            record.as_mut().unwrap().params_root = H256(root.unwrap())
        });
        assert_ok!(ask(BOB, behind));
        assert_eq!(
            show(behind, proof(behind)).unwrap_err().error,
            Error::<Test>::WrongChunk.into()
        );
        assert_ok!(show(behind, hiding.prove(&[behind].into()).unwrap()));
    });
}

#[test]
fn wrong_requests_fail_by_name() {
    with_external(|| {
        assert_noop!(ask(BOB, 1 << 28), Error::<Test>::ChunkOutOfRange);
        assert_ok!(ask(BOB, CHUNKS - 1));
        assert_noop!(ask(BOB, CHUNKS - 1), Error::<Test>::ChunkAlreadyAsked);
        assert_noop!(
            Models::ask_chunk(RuntimeOrigin::signed(BOB), 9, 0),
            Error::<Test>::VersionNotFound
        );
        assert_eq!(
            show(0, proof(0)).unwrap_err().error,
            Error::<Test>::ChunkNotAsked.into()
        );
        assert_noop!(reclaim(0), Error::<Test>::ChunkNotAsked);
        Versions::<Test>::mutate(0, |record| record.as_mut().unwrap().params_len = 1 << 30);
        for chunk in 10..9 + MAX_CHUNK_REQUESTS {
            assert_ok!(ask(BOB, chunk));
        }
        assert_noop!(ask(BOB, 100), Error::<Test>::TooManyChunkRequests);
    });
}

#[test]
fn chunks_of_params_that_the_chain_has_seen_cannot_be_asked_for() {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(Models::begin_params(RuntimeOrigin::signed(ALICE), 0));
        published_with(ParamsSource::OnChain(0));
        assert_noop!(ask(BOB, 0), Error::<Test>::ParamsOnChain);
    });
}

#[test]
fn removal_of_a_version_gives_the_bonds_back() {
    with_external(|| {
        assert_ok!(ask(BOB, 0));
        assert_ok!(ask(ALICE, 1));
        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(ALICE), 0));
        assert_ok!(Models::remove_version(RuntimeOrigin::signed(ALICE), 0));
        assert_eq!((held(ALICE), held(BOB)), (0, 0));
        assert!(!ChunkRequests::<Test>::contains_key(0));
    });
}

#[test]
fn bond_must_be_there() {
    with_external(|| {
        let poor = 99;
        assert_noop!(ask(poor, 0), TokenError::FundsUnavailable);
    });
}
