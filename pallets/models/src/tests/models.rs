use super::*;

#[test]
fn create_model_holds_base_and_bytes_and_counts_up() {
    ExtBuilder.build_and_execute(|| {
        let metadata = metadata("digits");
        assert_ok!(Models::create_model(
            RuntimeOrigin::signed(ALICE),
            metadata.clone()
        ));
        System::assert_last_event(
            Event::ModelCreated {
                model: 0,
                owner: ALICE,
            }
            .into(),
        );
        assert_eq!(created_model(BOB), 1);

        // One length byte for each of the three fields.
        let amount = 1_000 + 10 * (6 + 12 + 21 + 3);
        let deposit = Deposit { who: ALICE, amount };
        assert_eq!(
            crate::Models::<Test>::get(0),
            Some(ModelRecord {
                owner: ALICE,
                deposit
            })
        );
        assert_eq!(Metadata::<Test>::get(0), metadata.into_metadata::<Test>().ok());
        assert_eq!(held(HoldReason::Model, ALICE), amount);
    });
}

#[test]
fn create_model_fails_without_a_name() {
    ExtBuilder.build_and_execute(|| {
        let call = || Models::create_model(RuntimeOrigin::signed(ALICE), metadata(""));
        assert_noop!(call(), Error::<Test>::EmptyName);
    });
}

#[test]
fn create_model_and_set_model_metadata_fail_above_each_limit() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        let longest = ModelSpec {
            name: vec![b'x'; 64],
            description: vec![b'x'; 256],
            url: vec![b'x'; 256],
        };
        let one_more = |change: fn(&mut ModelSpec), too_long: Error<Test>| {
            let mut metadata = longest.clone();
            change(&mut metadata);
            let origin = || RuntimeOrigin::signed(ALICE);
            let created = Models::create_model(origin(), metadata.clone());
            let set = Models::set_model_metadata(origin(), model, metadata);
            let too_long = DispatchError::from(too_long);
            assert_eq!((created, set), (Err(too_long), Err(too_long)));
        };
        one_more(|metadata| metadata.name.push(b'x'), Error::NameTooLong);
        one_more(
            |metadata| metadata.description.push(b'x'),
            Error::DescriptionTooLong,
        );
        one_more(|metadata| metadata.url.push(b'x'), Error::UrlTooLong);
        assert_ok!(Models::create_model(
            RuntimeOrigin::signed(ALICE),
            longest.clone()
        ));
        assert_ok!(Models::set_model_metadata(
            RuntimeOrigin::signed(ALICE),
            model,
            longest
        ));
    });
}

#[test]
fn create_model_fails_for_an_account_that_cannot_pay_the_deposit() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(
            Models::create_model(RuntimeOrigin::signed(DAVE), metadata("digits")),
            TokenError::FundsUnavailable
        );
    });
}

#[test]
fn create_model_fails_when_ids_are_used_up() {
    ExtBuilder.build_and_execute(|| {
        NextModel::<Test>::put(u32::MAX);
        assert_noop!(
            Models::create_model(RuntimeOrigin::signed(ALICE), metadata("digits")),
            Error::<Test>::CounterExhausted
        );
    });
}

#[test]
fn set_model_metadata_replaces_metadata_and_deposit() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        let before = held(HoldReason::Model, ALICE);
        let call = |name| Models::set_model_metadata(RuntimeOrigin::signed(ALICE), model, metadata(name));
        assert_ok!(call("digits, trained longer"));

        assert_eq!(held(HoldReason::Model, ALICE), before + 10 * 16);
        assert_eq!(
            Metadata::<Test>::get(model).map(|data| data.name),
            Some(bytes("digits, trained longer"))
        );
        System::assert_last_event(Event::MetadataSet { model }.into());
        assert_ok!(call("d"));
        assert_eq!(held(HoldReason::Model, ALICE), before - 10 * 5);
    });
}

#[test]
fn set_model_metadata_by_a_new_owner_frees_the_old_owners_deposit() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), model, BOB));
        assert_ok!(Models::set_model_metadata(
            RuntimeOrigin::signed(BOB),
            model,
            metadata("mine")
        ));

        assert_eq!(Balances::free_balance(ALICE), FUNDS);
        assert_eq!(
            crate::Models::<Test>::get(model).map(|record| record.deposit.who),
            Some(BOB)
        );
    });
}

#[test]
fn set_model_metadata_fails_for_strangers_missing_models_and_empty_names() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        let call =
            |who, model, name| Models::set_model_metadata(RuntimeOrigin::signed(who), model, metadata(name));
        assert_noop!(call(BOB, model, "mine"), Error::<Test>::NotOwner);
        assert_noop!(call(ALICE, model + 1, "mine"), Error::<Test>::ModelNotFound);
        assert_noop!(call(ALICE, model, ""), Error::<Test>::EmptyName);
    });
}

#[test]
fn set_model_metadata_changes_nothing_for_an_owner_that_cannot_pay_the_deposit() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        let held_of_alice = held(HoldReason::Model, ALICE);
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), model, DAVE));
        let call = Call::set_model_metadata {
            model,
            metadata: metadata("mine"),
        };
        assert_noop!(dispatch(DAVE, call), TokenError::FundsUnavailable);
        assert_eq!(held(HoldReason::Model, ALICE), held_of_alice);
    });
}

#[test]
fn transfer_model_moves_control_and_no_deposit() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        let (model_hold, version_hold) = (held(HoldReason::Model, ALICE), held(HoldReason::Version, ALICE));
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), 0, BOB));

        System::assert_last_event(
            Event::ModelTransferred {
                model: 0,
                from: ALICE,
                to: BOB,
            }
            .into(),
        );
        assert_eq!(held(HoldReason::Model, ALICE), model_hold);
        assert_eq!(held(HoldReason::Version, ALICE), version_hold);
        assert_eq!(Balances::free_balance(BOB), FUNDS);
        let deprecate = |who| Models::deprecate_version(RuntimeOrigin::signed(who), version);
        assert_noop!(deprecate(ALICE), Error::<Test>::NotOwner);
        assert_ok!(deprecate(BOB));
    });
}

#[test]
fn transfer_model_fails_for_strangers_and_missing_models() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        let call = |who, model| Models::transfer_model(RuntimeOrigin::signed(who), model, BOB);
        assert_noop!(call(BOB, model), Error::<Test>::NotOwner);
        assert_noop!(call(ALICE, model + 1), Error::<Test>::ModelNotFound);
    });
}

#[test]
fn remove_model_by_a_new_owner_gives_the_deposit_to_whoever_gave_it() {
    ExtBuilder.build_and_execute(|| {
        let model = created_model(ALICE);
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), model, BOB));
        assert_noop!(
            Models::remove_model(RuntimeOrigin::signed(ALICE), model),
            Error::<Test>::NotOwner
        );
        assert_ok!(Models::remove_model(RuntimeOrigin::signed(BOB), model));

        assert_eq!(Balances::free_balance(ALICE), FUNDS);
        assert_eq!(Balances::free_balance(BOB), FUNDS);
        assert_eq!(Metadata::<Test>::get(model), None);
        System::assert_last_event(Event::ModelRemoved { model }.into());
        assert_noop!(
            Models::remove_model(RuntimeOrigin::signed(BOB), model),
            Error::<Test>::ModelNotFound
        );
    });
}

#[test]
fn remove_model_fails_until_its_last_version_is_removed() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        let remove = || Models::remove_model(RuntimeOrigin::signed(ALICE), 0);
        assert_noop!(remove(), Error::<Test>::ModelHasVersions);
        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(ALICE), version));
        assert_noop!(remove(), Error::<Test>::ModelHasVersions);
        assert_ok!(Models::remove_version(RuntimeOrigin::signed(ALICE), version));
        assert_ok!(remove());
    });
}
