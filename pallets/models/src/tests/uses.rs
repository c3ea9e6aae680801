use super::*;
use assay_primitives::{VersionTerms, Versions as _};

fn remove(version: u32) -> sp_runtime::DispatchResult {
    Models::remove_version(RuntimeOrigin::signed(ALICE), version)
}

#[test]
fn terms_are_those_published() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        let expected = VersionTerms {
            owner: ALICE,
            royalty: Perbill::from_percent(5),
            program: program_hash(&program(version)),
            params_root: H256::repeat_byte(7),
            params_len: 1 << 30,
            input_len: 256,
            max_steps: 100,
            deprecated: false,
            params_on_chain: false,
        };
        assert_eq!(Models::terms(version), Some(expected));
        assert_eq!(Models::terms(version + 1), None);
    });
}

#[test]
fn terms_follow_transfer_and_deprecation() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(ALICE), version));
        assert_ok!(Models::transfer_model(RuntimeOrigin::signed(ALICE), 0, BOB));
        let terms = Models::terms(version).unwrap();
        assert_eq!(terms.owner, BOB);
        assert!(terms.deprecated);
    });
}

#[test]
fn remove_version_fails_until_every_job_released_it() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        assert_ok!(Models::acquire(version));
        assert_ok!(Models::acquire(version));
        assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(ALICE), version));

        assert_noop!(remove(version), Error::<Test>::VersionInUse);
        Models::release(version);
        assert_noop!(remove(version), Error::<Test>::VersionInUse);
        Models::release(version);
        assert!(!Uses::<Test>::contains_key(version));
        assert_ok!(remove(version));
    });
}

#[test]
fn acquire_fails_for_a_missing_version_and_at_the_highest_count() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        assert_noop!(Models::acquire(version + 1), Error::<Test>::VersionNotFound);
        Uses::<Test>::insert(version, u32::MAX);
        assert_noop!(Models::acquire(version), Error::<Test>::CounterExhausted);
    });
}

#[test]
#[cfg_attr(debug_assertions, should_panic)]
fn release_of_an_unused_version_counts_nothing() {
    ExtBuilder.build_and_execute(|| {
        let version = version(ALICE);
        Models::release(version);
        assert_eq!(Uses::<Test>::get(version), 0);
        assert!(!Uses::<Test>::contains_key(version));
    });
}

#[cfg(feature = "runtime-benchmarks")]
#[test]
fn benchmark_version_has_the_terms_asked_for() {
    ExtBuilder.build_and_execute(|| {
        let versions = [
            Models::benchmark_version(&ALICE, 64, 7),
            Models::benchmark_version(&BOB, 65, 8),
        ];
        assert_ne!(versions[0], versions[1]);
        let terms = Models::terms(versions[1]).unwrap();
        assert_eq!((terms.owner, terms.input_len, terms.max_steps), (BOB, 65, 8));
        assert_ok!(Models::acquire(versions[0]));
    });
}
