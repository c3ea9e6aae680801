use super::*;
use assay_engine::{
    limits::SEGMENT_LEN,
    memory::{Frontier, MemoryTree, Region},
};
use frame_support::dispatch::{DispatchResultWithPostInfo, Pays};

const SEGMENT: u64 = SEGMENT_LEN as u64;

fn begin(who: AccountId, len: u64) -> sp_runtime::DispatchResult {
    Models::begin_params(RuntimeOrigin::signed(who), len)
}

fn upload(who: AccountId, params: u32, index: u32, bytes: Vec<u8>) -> sp_runtime::DispatchResult {
    Models::upload_segment(RuntimeOrigin::signed(who), params, index, bytes)
}

fn remove(who: AccountId, params: u32) -> DispatchResultWithPostInfo {
    Models::remove_params(RuntimeOrigin::signed(who), params)
}

/// The root by the engine's memory tree, which knows nothing of segments.
fn root_of(bytes: &[u8]) -> H256 {
    let mut tree = MemoryTree::new();
    tree.write(Region::Params.start(), bytes).unwrap();
    H256(tree.region_root(Region::Params).unwrap())
}

fn whole(len: u64) -> Vec<u8> {
    (0..segment_count(len))
        .flat_map(|index| segment(len, index))
        .collect()
}

fn status(params: u32) -> ParamsStatus<u64> {
    Params::<Test>::get(params).unwrap().status
}

fn last_progress(params: u32) -> Option<u64> {
    match status(params) {
        ParamsStatus::Uploading { last_progress, .. } => Some(last_progress),
        ParamsStatus::Complete { .. } => None,
    }
}

#[test]
fn segments_cover_the_params_without_gap() {
    for (len, count, last) in [
        (0, 0, 0),
        (1, 1, 1),
        (SEGMENT - 1, 1, SEGMENT - 1),
        (SEGMENT, 1, SEGMENT),
        (SEGMENT + 1, 2, 1),
        (3 * SEGMENT, 3, SEGMENT),
    ] {
        assert_eq!(segment_count(len), count, "{len} bytes");
        assert_eq!(
            (0..count)
                .map(|index| u64::from(segment_len(len, index)))
                .sum::<u64>(),
            len
        );
        assert_eq!(
            u64::from(segment_len(len, count.saturating_sub(1))),
            last,
            "{len} bytes"
        );
        assert_eq!(segment_len(len, count), 0, "{len} bytes");
    }
}

#[test]
fn begin_params_holds_base_and_bytes_and_counts_up() {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(begin(ALICE, 500));
        System::assert_last_event(
            Event::ParamsBegun {
                params: 0,
                owner: ALICE,
                len: 500,
            }
            .into(),
        );
        assert_ok!(begin(BOB, 7));

        let record = Params::<Test>::get(0).unwrap();
        assert_eq!((record.owner, record.deposit, record.len), (ALICE, 1_500, 500));
        let uploading = ParamsStatus::Uploading {
            frontier: Frontier::default(),
            last_progress: 1,
        };
        assert_eq!(record.status, uploading);
        assert_eq!(Params::<Test>::get(1).map(|record| record.owner), Some(BOB));
        assert_eq!(held(HoldReason::Params, ALICE), 1_500);
        assert_eq!(held(HoldReason::Params, BOB), 1_007);
    });
}

#[test]
fn begin_params_without_bytes_is_complete_at_once() {
    ExtBuilder.build_and_execute(|| {
        let params = begun_params(ALICE, 0);
        let root = root_of(&[]);
        assert_eq!(status(params), ParamsStatus::Complete { root });
        System::assert_last_event(Event::ParamsCompleted { params, root }.into());
        assert_noop!(upload(ALICE, params, 0, vec![]), Error::<Test>::SegmentOutOfOrder);
    });
}

#[test]
fn begin_params_fails_above_the_largest_length() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(begin(ALICE, LONGEST_PARAMS + 1), Error::<Test>::ParamsTooLong);
        assert_ok!(begin(ALICE, LONGEST_PARAMS));
    });
}

#[test]
fn begin_params_fails_for_an_account_that_cannot_pay_the_deposit() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(begin(DAVE, 0), TokenError::FundsUnavailable);
    });
}

#[test]
fn begin_params_fails_when_ids_are_used_up() {
    ExtBuilder.build_and_execute(|| {
        NextParams::<Test>::put(u32::MAX);
        assert_noop!(begin(ALICE, 0), Error::<Test>::CounterExhausted);
    });
}

#[test]
fn upload_segment_completes_with_the_root_of_the_memory_tree() {
    for len in [
        1,
        4096,
        SEGMENT - 1,
        SEGMENT,
        SEGMENT + 1,
        2 * SEGMENT,
        3 * SEGMENT + 5000,
        LONGEST_PARAMS,
    ] {
        ExtBuilder.build_and_execute(|| {
            let params = uploaded_params(ALICE, len);
            let root = root_of(&whole(len));
            assert_eq!(status(params), ParamsStatus::Complete { root }, "{len} bytes");
            System::assert_last_event(Event::ParamsCompleted { params, root }.into());
        });
    }
}

#[test]
fn upload_segment_keeps_progress_and_waits_for_the_rest() {
    ExtBuilder.build_and_execute(|| {
        let len = 2 * SEGMENT;
        let params = begun_params(ALICE, len);
        System::set_block_number(5);
        assert_ok!(upload(ALICE, params, 0, segment(len, 0)));

        System::assert_last_event(Event::SegmentUploaded { params, index: 0 }.into());
        assert_eq!(last_progress(params), Some(5));
        assert_ok!(upload(ALICE, params, 1, segment(len, 1)));
        assert_eq!(last_progress(params), None);
    });
}

#[test]
fn upload_segment_indexes_the_bytes_off_chain_until_removal() {
    let mut ext = ExtBuilder.build();
    let len = SEGMENT + 9;
    ext.execute_with(|| uploaded_params(ALICE, len));
    ext.persist_offchain_overlay();
    for index in 0..2 {
        assert_eq!(
            ext.offchain_db().get(&segment_key(0, index)),
            Some(segment(len, index))
        );
    }

    ext.execute_with(|| {
        assert_ok!(remove(ALICE, 0));
        assert_ok!(Models::do_try_state());
    });
    ext.persist_offchain_overlay();
    for index in 0..2 {
        assert_eq!(ext.offchain_db().get(&segment_key(0, index)), None);
    }
}

#[test]
fn segment_key_differs_for_every_segment() {
    let keys = [(0, 1), (1, 0), (0, 256), (256, 0), (1, 1)];
    let encoded = keys.map(|(params, index)| segment_key(params, index));
    assert_eq!(std::collections::BTreeSet::from(encoded).len(), keys.len());
    assert_eq!(segment_key(1, 2), b"assay:segment\x01\0\0\0\x02\0\0\0");
}

#[test]
fn upload_segment_fails_for_anyone_but_the_owner() {
    ExtBuilder.build_and_execute(|| {
        let params = begun_params(ALICE, 10);
        assert_noop!(upload(BOB, params, 0, segment(10, 0)), Error::<Test>::NotOwner);
        assert_noop!(
            upload(ALICE, params + 1, 0, segment(10, 0)),
            Error::<Test>::ParamsNotFound
        );
    });
}

#[test]
fn upload_segment_fails_for_an_index_that_is_not_the_next() {
    ExtBuilder.build_and_execute(|| {
        let len = 3 * SEGMENT;
        let params = begun_params(ALICE, len);
        assert_noop!(
            upload(ALICE, params, 1, segment(len, 1)),
            Error::<Test>::SegmentOutOfOrder
        );
        assert_ok!(upload(ALICE, params, 0, segment(len, 0)));
        assert_noop!(
            upload(ALICE, params, 0, segment(len, 0)),
            Error::<Test>::SegmentAlreadyUploaded
        );
        assert_noop!(
            upload(ALICE, params, 2, segment(len, 2)),
            Error::<Test>::SegmentOutOfOrder
        );
    });
}

#[test]
fn upload_segment_fails_for_params_that_are_complete() {
    ExtBuilder.build_and_execute(|| {
        let params = uploaded_params(ALICE, 10);
        assert_noop!(
            upload(ALICE, params, 0, segment(10, 0)),
            Error::<Test>::SegmentAlreadyUploaded
        );
        assert_noop!(upload(ALICE, params, 1, vec![]), Error::<Test>::SegmentOutOfOrder);
    });
}

#[test]
fn upload_segment_fails_for_any_length_but_the_place_takes() {
    ExtBuilder.build_and_execute(|| {
        let len = SEGMENT + 10;
        let params = begun_params(ALICE, len);
        for wrong in [0, 1, SEGMENT_LEN - 1, SEGMENT_LEN + 1] {
            assert_noop!(
                upload(ALICE, params, 0, vec![1; wrong]),
                Error::<Test>::WrongSegmentLength
            );
        }
        assert_ok!(upload(ALICE, params, 0, segment(len, 0)));
        for wrong in [0, 9, 11, SEGMENT_LEN] {
            assert_noop!(
                upload(ALICE, params, 1, vec![1; wrong]),
                Error::<Test>::WrongSegmentLength
            );
        }
        assert_ok!(upload(ALICE, params, 1, segment(len, 1)));
    });
}

#[test]
fn remove_params_gives_the_deposit_back_at_any_stage() {
    ExtBuilder.build_and_execute(|| {
        let len = 2 * SEGMENT;
        let begun = begun_params(ALICE, len);
        let half = begun_params(ALICE, len);
        assert_ok!(upload(ALICE, half, 0, segment(len, 0)));
        let complete = uploaded_params(ALICE, len);
        for params in [begun, half, complete] {
            assert_ok!(remove(ALICE, params));
            System::assert_last_event(Event::ParamsRemoved { params }.into());
            assert_noop!(remove(ALICE, params), Error::<Test>::ParamsNotFound);
        }
        assert_eq!(Balances::free_balance(ALICE), FUNDS);
    });
}

#[test]
fn remove_params_is_charged_for_the_segments_that_arrived() {
    ExtBuilder.build_and_execute(|| {
        let len = 3 * SEGMENT;
        let params = begun_params(ALICE, len);
        assert_ok!(upload(ALICE, params, 0, segment(len, 0)));
        let half = remove(ALICE, params).unwrap();
        let complete = uploaded_params(ALICE, len);
        let complete = remove(ALICE, complete).unwrap();

        let weight = <Test as Config>::WeightInfo::remove_params;
        assert_eq!(half.actual_weight, Some(weight(1)));
        assert_eq!(complete.actual_weight, Some(weight(3)));
        assert!(weight(1).all_lte(weight(3)) && weight(1) != weight(3));
        assert_eq!(half.pays_fee, Pays::Yes);
    });
}

#[test]
fn remove_params_by_anyone_works_from_the_timeout_on_and_costs_nothing() {
    ExtBuilder.build_and_execute(|| {
        let len = 2 * SEGMENT;
        let params = begun_params(ALICE, len);
        System::set_block_number(4);
        assert_ok!(upload(ALICE, params, 0, segment(len, 0)));

        System::set_block_number(4 + TIMEOUT - 1);
        assert_noop!(remove(BOB, params), Error::<Test>::UploadActive);
        System::set_block_number(4 + TIMEOUT);
        assert_eq!(remove(BOB, params).unwrap().pays_fee, Pays::No);
        assert_eq!(Balances::free_balance(ALICE), FUNDS);
    });
}

#[test]
fn remove_params_of_a_complete_upload_fails_for_anyone_but_the_owner_forever() {
    ExtBuilder.build_and_execute(|| {
        let params = uploaded_params(ALICE, 10);
        System::set_block_number(1_000_000);
        assert_noop!(remove(BOB, params), Error::<Test>::NotOwner);
    });
}

#[test]
fn remove_params_fails_while_a_version_uses_them() {
    ExtBuilder.build_and_execute(|| {
        let params = uploaded_params(ALICE, 10);
        let program = uploaded_program(ALICE, 1);
        let model = created_model(BOB);
        let on_chain = VersionSpec {
            params: ParamsSource::OnChain(params),
            ..spec(program)
        };
        let version = published(BOB, model, on_chain);
        assert_noop!(remove(ALICE, params), Error::<Test>::ParamsInUse);

        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(BOB), version));
        assert_noop!(remove(ALICE, params), Error::<Test>::ParamsInUse);
        assert_ok!(Models::remove_version(RuntimeOrigin::signed(BOB), version));
        assert_ok!(remove(ALICE, params));
    });
}
