use super::*;
use assay_primitives::Versions as _;

#[test]
fn version_info_shows_model_terms_uses_and_details() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        assert_ok!(Models::acquire(version));
        let info = Models::version_info(version).unwrap();

        assert_eq!(info.model, 0);
        assert_eq!(info.name, bytes::<64>("digits"));
        assert_eq!(info.owner, ALICE);
        assert_eq!(info.program, program_hash(&program(0)));
        assert_eq!((info.params, info.params_len), (None, 1 << 30));
        assert_eq!(info.params_root, H256::repeat_byte(7));
        assert_eq!((info.input_len, info.output_len), (256, 48));
        assert_eq!(info.max_steps, 100);
        assert_eq!(info.royalty, Perbill::from_percent(5));
        assert!(!info.deprecated);
        assert_eq!(info.uses, 1);
        assert_eq!(Some(info.details), Details::<Test>::get(version));
    });
}

#[test]
fn version_info_shows_the_current_owner_and_deprecation() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(ALICE), version));
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), 0, BOB));
        let info = Models::version_info(version).unwrap();
        assert_eq!((info.owner, info.deprecated), (BOB, true));
    });
}

#[test]
fn model_info_lists_versions_in_order() {
    ExtBuilder.build_and_execute(|| {
        let first = version(ALICE);
        let second = published(ALICE, 0, spec(program_hash(&program(0))));
        let info = Models::model_info(0).unwrap();
        assert_eq!(info.owner, ALICE);
        assert_eq!(
            Some(info.metadata),
            metadata("digits").into_metadata::<Test>().ok()
        );
        assert_eq!(info.versions, vec![first, second]);
    });
}

#[test]
fn program_code_is_what_was_uploaded() {
    ExtBuilder.build_and_execute(|| {
        let hash = uploaded_program(ALICE, 3);
        assert_eq!(Models::program_code(hash), Some(program(3)));
    });
}

#[test]
fn queries_for_what_is_missing_give_none() {
    ExtBuilder.build_and_execute(|| {
        assert_eq!(Models::version_info(0), None);
        assert_eq!(Models::model_info(0), None);
        assert_eq!(Models::program_code(H256::zero()), None);
    });
}
