use crate::{mock::*, Error, Event, ProviderOf, Status};
use assay_primitives::ProviderOutcome;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::TokenError;

fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

#[test]
fn register_holds_the_bond_and_names_the_worker() {
    ExtBuilder::default().build_and_execute(|| {
        assert_ok!(Providers::register(signed(1), worker(1), 1_500, proof(1, 1)));

        let record = record(1);
        assert_eq!(record.worker, worker(1));
        assert_eq!(
            (record.bonded, record.exposed, record.jobs, record.strikes),
            (1_500, 0, 0, 0)
        );
        assert_eq!(
            (record.status, record.first_seen, record.last_active),
            (Status::Active, 1, 1)
        );
        assert_eq!(ProviderOf::<Test>::get(worker(1)), Some(1));
        assert_eq!((held_bond(1), free(1)), (1_500, ENDOWMENT - 1_500));
        assert_eq!(
            events(),
            [Event::Registered {
                provider: 1,
                worker: worker(1),
                bond: 1_500
            }]
        );
    });
}

#[test]
fn register_takes_min_bond_and_refuses_one_planck_less() {
    ExtBuilder::default().build_and_execute(|| {
        assert_noop!(
            Providers::register(signed(1), worker(1), LEAST_BOND - 1, proof(1, 1)),
            Error::<Test>::BondTooLow
        );
        assert_ok!(Providers::register(signed(1), worker(1), LEAST_BOND, proof(1, 1)));
    });
}

#[test]
fn register_fails_without_the_funds() {
    ExtBuilder::default().build_and_execute(|| {
        assert_noop!(
            Providers::register(signed(1), worker(1), ENDOWMENT, proof(1, 1)),
            TokenError::FundsUnavailable
        );
    });
}

#[test]
fn register_fails_a_second_time() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(
                Providers::register(signed(1), worker(2), LEAST_BOND, proof(2, 1)),
                Error::<Test>::AlreadyRegistered
            );
        });
}

#[test]
fn register_fails_with_the_worker_of_another_provider() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(
                Providers::register(signed(2), worker(1), LEAST_BOND, proof(1, 2)),
                Error::<Test>::WorkerTaken
            );
        });
}

#[test]
fn register_takes_a_proof_as_wallets_sign_it() {
    ExtBuilder::default().build_and_execute(|| {
        use sp_core::Pair as _;
        let wrapped = Providers::wrapped_worker_proof_message(&1);
        assert!(wrapped.starts_with(b"<Bytes>assay-register") && wrapped.ends_with(b"</Bytes>"));
        assert_ok!(Providers::register(
            signed(1),
            worker(1),
            LEAST_BOND,
            pair(1).sign(&wrapped)
        ));
    });
}

#[test]
fn register_fails_with_a_proof_made_for_another_account() {
    ExtBuilder::default().build_and_execute(|| {
        assert_noop!(
            Providers::register(signed(2), worker(1), LEAST_BOND, proof(1, 1)),
            Error::<Test>::InvalidProof
        );
    });
}

#[test]
fn register_fails_with_a_proof_by_another_key() {
    ExtBuilder::default().build_and_execute(|| {
        assert_noop!(
            Providers::register(signed(2), worker(1), LEAST_BOND, proof(2, 2)),
            Error::<Test>::InvalidProof
        );
    });
}

#[test]
fn register_fails_with_a_proof_made_on_another_chain() {
    ExtBuilder::default().build_and_execute(|| {
        let foreign = proof(1, 1);
        frame_system::BlockHash::<Test>::insert(0, H256::repeat_byte(1));
        assert_noop!(
            Providers::register(signed(1), worker(1), LEAST_BOND, foreign),
            Error::<Test>::InvalidProof
        );
    });
}

#[test]
fn set_worker_frees_the_old_key_for_others() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_ok!(Providers::set_worker(signed(1), worker(5), proof(5, 1)));

            assert_eq!(record(1).worker, worker(5));
            assert_eq!(ProviderOf::<Test>::get(worker(5)), Some(1));
            assert_eq!(ProviderOf::<Test>::get(worker(1)), None);
            assert_eq!(
                events(),
                [Event::WorkerSet {
                    provider: 1,
                    worker: worker(5)
                }]
            );
            assert_ok!(Providers::register(signed(2), worker(1), LEAST_BOND, proof(1, 2)));
        });
}

#[test]
fn set_worker_changes_who_signs_for_open_jobs() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assign_to(1, 1, 100);
            assert_ok!(Providers::set_worker(signed(1), worker(5), proof(5, 1)));
            assert_eq!(
                <Providers as assay_primitives::Providers<_, _>>::worker(&1),
                Some(worker(5))
            );
        });
}

#[test]
fn set_worker_fails_for_strangers_taken_keys_and_bad_proofs() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .provider(2, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(
                Providers::set_worker(signed(3), worker(3), proof(3, 3)),
                Error::<Test>::NotRegistered
            );
            assert_noop!(
                Providers::set_worker(signed(1), worker(2), proof(2, 1)),
                Error::<Test>::WorkerTaken
            );
            assert_noop!(
                Providers::set_worker(signed(1), worker(5), proof(5, 2)),
                Error::<Test>::InvalidProof
            );
        });
}

#[test]
fn deregister_withdraws_matured_stake_and_removes_everything() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_ok!(Providers::unbond(signed(1), LEAST_BOND));
            skip(UnbondingPeriod::get());
            events();

            assert_ok!(Providers::deregister(signed(1)));

            assert_eq!(
                events(),
                [
                    Event::Withdrawn {
                        provider: 1,
                        amount: LEAST_BOND
                    },
                    Event::Deregistered { provider: 1 }
                ]
            );
            assert_eq!(crate::Providers::<Test>::get(1), None);
            assert_eq!(ProviderOf::<Test>::get(worker(1)), None);
            assert_eq!((held_bond(1), free(1)), (0, ENDOWMENT));
        });
}

#[test]
fn deregister_works_for_one_whose_whole_stake_was_slashed() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            slash(1, LEAST_BOND, None);
            assert_ok!(Providers::deregister(signed(1)));
            assert_eq!(crate::Providers::<Test>::get(1), None);
        });
}

#[test]
fn deregister_fails_with_jobs_offers_or_stake() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_noop!(Providers::deregister(signed(2)), Error::<Test>::NotRegistered);
            assign_to(1, 1, 100);
            assert_noop!(Providers::deregister(signed(1)), Error::<Test>::HasJobs);
            release(1, ProviderOutcome::Completed);
            assert_noop!(Providers::deregister(signed(1)), Error::<Test>::HasOffers);
            assert_ok!(Providers::remove_offer(signed(1), 1));
            assert_noop!(Providers::deregister(signed(1)), Error::<Test>::HasStake);
            assert_ok!(Providers::unbond(signed(1), LEAST_BOND));
            skip(UnbondingPeriod::get() - 1);
            assert_noop!(Providers::deregister(signed(1)), Error::<Test>::HasStake);
        });
}

#[test]
fn pause_keeps_jobs_away_until_resume() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .offer(1, 1, 1)
        .build_and_execute(|| {
            assert_ok!(Providers::pause(signed(1)));
            assert_eq!(record(1).status, Status::Paused);
            assert_eq!(assign(request()), None);

            assert_ok!(Providers::resume(signed(1)));
            assert_eq!(
                events(),
                [Event::Paused { provider: 1 }, Event::Resumed { provider: 1 }]
            );
            assert!(assign(request()).is_some());
        });
}

#[test]
fn pause_and_resume_fail_for_strangers_and_without_effect() {
    ExtBuilder::default()
        .provider(1, LEAST_BOND)
        .build_and_execute(|| {
            assert_noop!(Providers::pause(signed(2)), Error::<Test>::NotRegistered);
            assert_noop!(Providers::resume(signed(2)), Error::<Test>::NotRegistered);
            assert_noop!(Providers::resume(signed(1)), Error::<Test>::NotPaused);
            assert_ok!(Providers::pause(signed(1)));
            assert_noop!(Providers::pause(signed(1)), Error::<Test>::AlreadyPaused);
        });
}
