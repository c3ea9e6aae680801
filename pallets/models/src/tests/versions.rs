use super::*;
use assay_engine::limits::{MAX_INPUT_LEN, MAX_OUTPUT_LEN, REGION_LEN};
use codec::Encode;

fn publish(who: AccountId, model: u32, spec: VersionSpec) -> sp_runtime::DispatchResult {
    Models::publish_version(RuntimeOrigin::signed(who), model, spec)
}

fn deprecate(who: AccountId, version: u32) -> sp_runtime::DispatchResult {
    Models::deprecate_version(RuntimeOrigin::signed(who), version)
}

fn remove(who: AccountId, version: u32) -> sp_runtime::DispatchResult {
    Models::remove_version(RuntimeOrigin::signed(who), version)
}

fn stored_tensor(dtype: Dtype, shape: &[u32]) -> Tensor {
    Tensor {
        name: bytes("x"),
        dtype,
        shape: shape.to_vec().try_into().expect("few dimensions"),
    }
}

/// Runs `test` with a spec that Alice may publish under model 0.
fn with_spec(test: impl FnOnce(VersionSpec)) {
    ExtBuilder.build_and_execute(|| {
        created_model(ALICE);
        test(spec(uploaded_program(ALICE, 1)));
    });
}

#[test]
fn publish_version_stores_terms_and_details() {
    with_spec(|spec| {
        assert_ok!(publish(ALICE, 0, spec.clone()));
        System::assert_last_event(Event::VersionPublished { version: 0, model: 0 }.into());

        let record = Versions::<Test>::get(0).unwrap();
        assert_eq!(record.model, 0);
        assert_eq!(record.program, spec.program);
        assert_eq!(record.params, None);
        assert_eq!(record.params_root, H256::repeat_byte(7));
        assert_eq!(record.params_len, 1 << 30);
        assert_eq!(record.input_len, 64 * 4);
        assert_eq!(record.max_steps, 100);
        assert_eq!(record.royalty, Perbill::from_percent(5));
        assert!(!record.deprecated);
        let details = Details::<Test>::get(0).unwrap();
        assert_eq!(details.inputs.to_vec(), [stored_tensor(Dtype::F32, &[1, 8, 8])]);
        assert_eq!(
            details.outputs.to_vec(),
            [stored_tensor(Dtype::F32, &[10]), stored_tensor(Dtype::I64, &[])]
        );
        assert_eq!(details.license, bytes::<64>("MIT"));
        assert_eq!(details.labels.to_vec(), [bytes::<32>("zero"), bytes::<32>("one")]);
        assert_eq!(details.locations.to_vec(), vec![bytes::<256>("ipfs://weights")]);
        assert_eq!(
            Programs::<Test>::get(spec.program).map(|program| program.refs),
            Some(1)
        );
    });
}

#[test]
fn publish_version_counts_ids_up_over_all_models() {
    with_spec(|spec| {
        let other = created_model(BOB);
        assert_eq!(published(ALICE, 0, spec.clone()), 0);
        assert_eq!(published(BOB, other, spec.clone()), 1);
        assert_eq!(published(ALICE, 0, spec), 2);
        assert_eq!(ModelVersions::<Test>::get(0).to_vec(), vec![0, 2]);
        assert_eq!(ModelVersions::<Test>::get(other).to_vec(), vec![1]);
    });
}

#[test]
fn publish_version_holds_base_bytes_and_a_share_of_what_it_locks() {
    with_spec(|spec| {
        let params = uploaded_params(ALICE, 10_001);
        let (program_deposit, params_deposit) =
            (held(HoldReason::Program, ALICE), held(HoldReason::Params, ALICE));
        assert_eq!(params_deposit, 11_001);
        let model = created_model(BOB);

        assert_ok!(publish(BOB, model, spec.clone()));
        let own = |version| 1_000 + 10 * Details::<Test>::get(version).unwrap().encoded_size() as u64;
        let external = own(0) + program_deposit.div_ceil(4);
        assert_eq!(held(HoldReason::Version, BOB), external);

        assert_ok!(publish(
            BOB,
            model,
            VersionSpec {
                params: ParamsSource::OnChain(params),
                ..spec
            }
        ));
        let on_chain = own(1) + (program_deposit + params_deposit).div_ceil(4);
        assert_eq!(held(HoldReason::Version, BOB), external + on_chain);
        assert_eq!(
            Versions::<Test>::get(1).map(|record| record.deposit.amount),
            Some(on_chain)
        );
    });
}

#[test]
fn publish_version_takes_root_and_length_of_uploaded_params() {
    with_spec(|spec| {
        let params = uploaded_params(BOB, 10);
        assert_ok!(publish(
            ALICE,
            0,
            VersionSpec {
                params: ParamsSource::OnChain(params),
                ..spec
            }
        ));

        let uploaded = Params::<Test>::get(params).unwrap();
        let record = Versions::<Test>::get(0).unwrap();
        assert_eq!(record.params, Some(params));
        assert_eq!(record.params_len, 10);
        assert_eq!(
            uploaded.status,
            ParamsStatus::Complete {
                root: record.params_root
            }
        );
        assert_eq!(uploaded.refs, 1);
    });
}

#[test]
fn publish_version_fails_for_params_that_are_missing_or_incomplete() {
    with_spec(|spec| {
        let params = begun_params(ALICE, 10);
        let on_chain = |params| VersionSpec {
            params: ParamsSource::OnChain(params),
            ..spec.clone()
        };
        assert_noop!(
            publish(ALICE, 0, on_chain(params)),
            Error::<Test>::ParamsIncomplete
        );
        assert_noop!(
            publish(ALICE, 0, on_chain(params + 1)),
            Error::<Test>::ParamsNotFound
        );
    });
}

#[test]
fn publish_version_fails_for_external_params_beyond_the_region() {
    with_spec(|spec| {
        let external = |len| VersionSpec {
            params: ParamsSource::External {
                root: H256::zero(),
                len,
                locations: Default::default(),
            },
            ..spec.clone()
        };
        assert_noop!(
            publish(ALICE, 0, external(REGION_LEN + 1)),
            Error::<Test>::ParamsTooLong
        );
        assert_ok!(publish(ALICE, 0, external(REGION_LEN)));
    });
}

#[test]
fn publish_version_fails_for_strangers_missing_models_and_missing_programs() {
    with_spec(|spec| {
        assert_noop!(publish(BOB, 0, spec.clone()), Error::<Test>::NotOwner);
        assert_noop!(publish(ALICE, 1, spec.clone()), Error::<Test>::ModelNotFound);
        let program = H256::zero();
        assert_noop!(
            publish(ALICE, 0, VersionSpec { program, ..spec }),
            Error::<Test>::ProgramNotFound
        );
    });
}

#[test]
fn publish_version_fails_above_the_highest_royalty() {
    with_spec(|spec| {
        let royal = |royalty| VersionSpec {
            royalty,
            ..spec.clone()
        };
        let highest = Perbill::from_percent(20);
        let above = Perbill::from_parts(highest.deconstruct() + 1);
        assert_noop!(publish(ALICE, 0, royal(above)), Error::<Test>::RoyaltyTooHigh);
        assert_ok!(publish(ALICE, 0, royal(highest)));
    });
}

#[test]
fn publish_version_fails_for_no_steps_and_too_many() {
    with_spec(|spec| {
        let steps = |max_steps| VersionSpec {
            max_steps,
            ..spec.clone()
        };
        assert_noop!(publish(ALICE, 0, steps(0)), Error::<Test>::MaxStepsOutOfRange);
        assert_noop!(
            publish(ALICE, 0, steps(MOST_STEPS + 1)),
            Error::<Test>::MaxStepsOutOfRange
        );
        assert_ok!(publish(ALICE, 0, steps(1)));
        assert_ok!(publish(ALICE, 0, steps(MOST_STEPS)));
    });
}

#[test]
fn publish_version_fails_above_the_longest_input() {
    with_spec(|spec| {
        let with = |inputs| VersionSpec {
            inputs,
            ..spec.clone()
        };
        let longest = tensor(Dtype::U8, &[MAX_INPUT_LEN]);
        let one = tensor(Dtype::Bool, &[]);
        let wraps = tensor(Dtype::U16, &[1 << 16, 1 << 15]);
        assert_noop!(
            publish(ALICE, 0, with(vec![longest.clone(), one])),
            Error::<Test>::InputTooLong
        );
        assert_noop!(publish(ALICE, 0, with(vec![wraps])), Error::<Test>::InputTooLong);
        let half = tensor(Dtype::U8, &[u32::MAX]);
        assert_noop!(
            publish(ALICE, 0, with(vec![half.clone(), half])),
            Error::<Test>::InputTooLong
        );
        assert_ok!(publish(ALICE, 0, with(vec![longest])));
        assert_eq!(
            Versions::<Test>::get(0).map(|record| record.input_len),
            Some(MAX_INPUT_LEN)
        );
        assert_ok!(publish(ALICE, 0, with(vec![])));
        assert_eq!(Versions::<Test>::get(1).map(|record| record.input_len), Some(0));
    });
}

#[test]
fn publish_version_fails_above_the_longest_output() {
    with_spec(|spec| {
        let with = |outputs| VersionSpec {
            outputs,
            ..spec.clone()
        };
        let longest = tensor(Dtype::F32, &[MAX_OUTPUT_LEN / 4]);
        let more = tensor(Dtype::F32, &[MAX_OUTPUT_LEN / 4 + 1]);
        assert_noop!(publish(ALICE, 0, with(vec![more])), Error::<Test>::OutputTooLong);
        assert_ok!(publish(ALICE, 0, with(vec![longest])));
    });
}

#[test]
fn publish_version_fails_for_a_dimension_of_zero() {
    with_spec(|spec| {
        let empty = vec![tensor(Dtype::F32, &[u32::MAX, u32::MAX, 0])];
        let inputs = VersionSpec {
            inputs: empty.clone(),
            ..spec.clone()
        };
        let outputs = VersionSpec {
            outputs: empty,
            ..spec
        };
        assert_noop!(publish(ALICE, 0, inputs), Error::<Test>::EmptyTensor);
        assert_noop!(publish(ALICE, 0, outputs), Error::<Test>::EmptyTensor);
    });
}

/// Alice publishes each kind of detail in its longest form, and no longer: with `len` items of what
/// `change` changes, or `len + 1`.
fn check_limit(change: fn(&mut VersionSpec, usize), len: usize, too_long: Error<Test>) {
    with_spec(|mut spec| {
        change(&mut spec, len + 1);
        assert_noop!(publish(ALICE, 0, spec.clone()), too_long);
        change(&mut spec, len);
        assert_ok!(publish(ALICE, 0, spec));
    });
}

#[test]
fn publish_version_fails_above_each_limit_of_the_details() {
    fn external(spec: &mut VersionSpec) -> &mut Vec<Vec<u8>> {
        match &mut spec.params {
            ParamsSource::External { locations, .. } => locations,
            ParamsSource::OnChain(_) => panic!("external"),
        }
    }
    check_limit(
        |spec, len| spec.inputs = vec![tensor(Dtype::U8, &[]); len],
        8,
        Error::TooManyTensors,
    );
    check_limit(
        |spec, len| spec.outputs = vec![tensor(Dtype::U8, &[]); len],
        8,
        Error::TooManyTensors,
    );
    check_limit(
        |spec, len| spec.inputs[0].name = vec![b'x'; len],
        32,
        Error::TensorNameTooLong,
    );
    check_limit(
        |spec, len| spec.outputs[0].shape = vec![1; len],
        8,
        Error::TooManyDimensions,
    );
    check_limit(
        |spec, len| spec.license = vec![b'x'; len],
        64,
        Error::LicenseTooLong,
    );
    check_limit(
        |spec, len| spec.labels = vec![vec![]; len],
        64,
        Error::TooManyLabels,
    );
    check_limit(
        |spec, len| spec.labels[0] = vec![b'x'; len],
        32,
        Error::LabelTooLong,
    );
    check_limit(
        |spec, len| *external(spec) = vec![vec![]; len],
        4,
        Error::TooManyLocations,
    );
    check_limit(
        |spec, len| external(spec)[0] = vec![b'x'; len],
        256,
        Error::LocationTooLong,
    );
}

#[test]
fn publish_version_fails_for_a_model_with_the_most_versions() {
    with_spec(|spec| {
        for _ in 0..3 {
            assert_ok!(publish(ALICE, 0, spec.clone()));
        }
        assert_noop!(
            publish(ALICE, 0, spec.clone()),
            Error::<Test>::MaxVersionsExceeded
        );
        assert_ok!(deprecate(ALICE, 1));
        assert_ok!(remove(ALICE, 1));
        assert_ok!(publish(ALICE, 0, spec));
        assert_eq!(ModelVersions::<Test>::get(0).to_vec(), vec![0, 2, 3]);
    });
}

#[test]
fn publish_version_fails_for_an_account_that_cannot_pay_the_deposit() {
    with_spec(|spec| {
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), 0, DAVE));
        assert_noop!(publish(DAVE, 0, spec), TokenError::FundsUnavailable);
    });
}

#[test]
fn publish_version_fails_when_ids_or_references_are_used_up() {
    ExtBuilder.build().execute_with(|| {
        created_model(ALICE);
        let spec = spec(uploaded_program(ALICE, 1));
        let params = uploaded_params(ALICE, 10);
        let on_chain = VersionSpec {
            params: ParamsSource::OnChain(params),
            ..spec.clone()
        };

        NextVersion::<Test>::put(u32::MAX);
        assert_noop!(publish(ALICE, 0, spec.clone()), Error::<Test>::CounterExhausted);
        NextVersion::<Test>::put(0);
        Params::<Test>::mutate(params, |slot| slot.as_mut().unwrap().refs = u32::MAX);
        assert_noop!(publish(ALICE, 0, on_chain), Error::<Test>::CounterExhausted);
        Params::<Test>::mutate(params, |slot| slot.as_mut().unwrap().refs = 0);
        Programs::<Test>::mutate(spec.program, |slot| slot.as_mut().unwrap().refs = u32::MAX);
        assert_noop!(publish(ALICE, 0, spec.clone()), Error::<Test>::CounterExhausted);
        Programs::<Test>::mutate(spec.program, |slot| slot.as_mut().unwrap().refs = 0);
        assert_ok!(publish(ALICE, 0, spec));
        assert_ok!(Models::do_try_state());
    });
}

#[test]
fn deprecate_version_works_once() {
    with_spec(|spec| {
        let version = published(ALICE, 0, spec);
        assert_noop!(deprecate(BOB, version), Error::<Test>::NotOwner);
        assert_noop!(deprecate(ALICE, version + 1), Error::<Test>::VersionNotFound);
        assert_ok!(deprecate(ALICE, version));

        assert_eq!(
            Versions::<Test>::get(version).map(|record| record.deprecated),
            Some(true)
        );
        System::assert_last_event(Event::VersionDeprecated { version }.into());
        assert_noop!(deprecate(ALICE, version), Error::<Test>::AlreadyDeprecated);
    });
}

#[test]
fn remove_version_gives_the_deposit_to_whoever_published_it() {
    with_spec(|spec| {
        let version = published(ALICE, 0, spec.clone());
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), 0, BOB));
        assert_ok!(deprecate(BOB, version));
        assert_noop!(remove(ALICE, version), Error::<Test>::NotOwner);
        assert_ok!(remove(BOB, version));

        assert_eq!(held(HoldReason::Version, ALICE), 0);
        assert_eq!(Balances::free_balance(BOB), FUNDS);
        assert_eq!(Details::<Test>::get(version), None);
        assert!(!ModelVersions::<Test>::contains_key(0));
        assert_eq!(
            Programs::<Test>::get(spec.program).map(|program| program.refs),
            Some(0)
        );
        System::assert_last_event(Event::VersionRemoved { version, model: 0 }.into());
        assert_noop!(remove(BOB, version), Error::<Test>::VersionNotFound);
    });
}

#[test]
fn remove_version_fails_before_deprecation() {
    with_spec(|spec| {
        let version = published(ALICE, 0, spec);
        assert_noop!(remove(ALICE, version), Error::<Test>::NotDeprecated);
    });
}

#[test]
fn removed_versions_id_is_not_given_out_again() {
    with_spec(|spec| {
        let version = published(ALICE, 0, spec.clone());
        assert_ok!(deprecate(ALICE, version));
        assert_ok!(remove(ALICE, version));
        assert_eq!(published(ALICE, 0, spec), version + 1);
    });
}
