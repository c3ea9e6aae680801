//! Random sequences of every call and of all that `jobs` does.

use crate::mock::*;
use assay_primitives::{AssignmentRequest, Price, ProviderOutcome, Providers as _, VersionId};
use frame_support::{assert_ok, traits::UnfilteredDispatchable};
use proptest::prelude::*;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// What happens in a sequence. Accounts are 1 to 6, versions 1 and 2; account 20 has no funds.
#[derive(Clone, Debug)]
enum Action {
    Register(AccountId, AccountId, Balance),
    SetWorker(AccountId, AccountId),
    Deregister(AccountId),
    BondMore(AccountId, Balance),
    Unbond(AccountId, Balance),
    Withdraw(AccountId),
    SetOffer(AccountId, VersionId, Price<Balance>, u16),
    RemoveOffer(AccountId, VersionId),
    RemoveStale(AccountId, VersionId),
    Pause(AccountId),
    Resume(AccountId),
    Assign {
        version: VersionId,
        exposure: Balance,
        named: Option<AccountId>,
        seed: u32,
    },
    /// Ends the open job of this index, after a slash of this share of its exposure in percent.
    End {
        job: usize,
        slashed: u64,
        beneficiary: Option<(AccountId, Balance)>,
        outcome: ProviderOutcome,
    },
    ToggleVersion(VersionId),
    Skip(u64),
}

struct Job {
    provider: AccountId,
    version: VersionId,
    exposure: Balance,
}

fn account() -> impl Strategy<Value = AccountId> {
    1..=6u64
}

fn version() -> impl Strategy<Value = VersionId> {
    1..=2u32
}

fn outcome() -> impl Strategy<Value = ProviderOutcome> {
    prop_oneof![
        1 => Just(ProviderOutcome::Completed),
        3 => Just(ProviderOutcome::TimedOut),
        1 => Just(ProviderOutcome::Disproved),
        1 => Just(ProviderOutcome::Released),
        1 => Just(ProviderOutcome::Declined),
    ]
}

/// The weights make sequences in which most calls succeed, lists fill and jobs overlap.
fn action() -> impl Strategy<Value = Action> {
    let key = prop_oneof![3 => Just(None), 1 => account().prop_map(Some)];
    let price = (0..10u64, 0..6u64).prop_map(|(per_job, per_step)| Price { per_job, per_step });
    let beneficiary = proptest::option::of((prop_oneof![account(), Just(20)], 0..500u64));
    prop_oneof![
        4 => (account(), key, 900..5_000u64)
            .prop_map(|(who, key, bond)| Action::Register(who, key.unwrap_or(who), bond)),
        1 => (account(), account()).prop_map(|(who, key)| Action::SetWorker(who, key)),
        2 => account().prop_map(Action::Deregister),
        2 => (account(), 0..2_000u64).prop_map(|(who, amount)| Action::BondMore(who, amount)),
        3 => (account(), 0..3_000u64).prop_map(|(who, amount)| Action::Unbond(who, amount)),
        3 => account().prop_map(Action::Withdraw),
        16 => (account(), version(), price, 0..4u16)
            .prop_map(|(who, version, price, capacity)| Action::SetOffer(who, version, price, capacity)),
        2 => (account(), version()).prop_map(|(who, version)| Action::RemoveOffer(who, version)),
        1 => (account(), version()).prop_map(|(who, version)| Action::RemoveStale(who, version)),
        1 => account().prop_map(Action::Pause),
        4 => account().prop_map(Action::Resume),
        20 => (version(), 0..700u64, proptest::option::weighted(0.2, account()), any::<u32>())
            .prop_map(|(version, exposure, named, seed)| Action::Assign { version, exposure, named, seed }),
        12 => (any::<usize>(), 0..=100u64, beneficiary, outcome()).prop_map(
            |(job, slashed, beneficiary, outcome)| Action::End { job, slashed, beneficiary, outcome }
        ),
        1 => version().prop_map(Action::ToggleVersion),
        3 => (1..60u64).prop_map(Action::Skip),
    ]
}

/// Dispatches as a block does: what fails leaves no trace.
fn dispatch(who: AccountId, call: crate::Call<Test>) -> bool {
    RuntimeCall::from(call)
        .dispatch_bypass_filter(RuntimeOrigin::signed(who))
        .is_ok()
}

/// Takes `action`. Returns the plancks that it burnt.
fn take(action: Action, jobs: &mut Vec<Job>) -> Balance {
    use crate::Call;
    match action {
        Action::Register(who, key, bond) => {
            dispatch(
                who,
                Call::register {
                    worker: worker(key),
                    bond,
                    proof: proof(key, who),
                },
            );
        }
        Action::SetWorker(who, key) => {
            dispatch(
                who,
                Call::set_worker {
                    worker: worker(key),
                    proof: proof(key, who),
                },
            );
        }
        Action::Deregister(who) => {
            dispatch(who, Call::deregister {});
        }
        Action::BondMore(who, amount) => {
            dispatch(who, Call::bond_more { amount });
        }
        Action::Unbond(who, amount) => {
            dispatch(who, Call::unbond { amount });
        }
        Action::Withdraw(who) => {
            dispatch(who, Call::withdraw {});
        }
        Action::SetOffer(who, version, price, capacity) => {
            dispatch(
                who,
                Call::set_offer {
                    version,
                    price,
                    capacity,
                },
            );
        }
        Action::RemoveOffer(who, version) => {
            dispatch(who, Call::remove_offer { version });
        }
        Action::RemoveStale(provider, version) => {
            dispatch(7, Call::remove_stale_offer { version, provider });
        }
        Action::Pause(who) => {
            dispatch(who, Call::pause {});
        }
        Action::Resume(who) => {
            dispatch(who, Call::resume {});
        }
        Action::Assign {
            version,
            exposure,
            named,
            seed,
        } => {
            let seed = H256(blake2_256(&seed.to_le_bytes()));
            let max_price = Price {
                per_job: 8,
                per_step: 4,
            };
            let request = AssignmentRequest {
                version,
                min_exposure: exposure,
                named: named.as_ref(),
                seed,
                max_price,
                ..request()
            };
            if let Some(assignment) = assign(request) {
                assert!(assignment.price.is_within(&max_price));
                if let Some(named) = named {
                    assert_eq!(assignment.provider, named);
                }
                jobs.push(Job {
                    provider: assignment.provider,
                    version,
                    exposure,
                });
            }
        }
        Action::End {
            job,
            slashed,
            beneficiary,
            outcome,
        } => {
            if jobs.is_empty() {
                return 0;
            }
            let job = jobs.swap_remove(job % jobs.len());
            let amount = job.exposure * slashed / 100;
            let before = beneficiary.map_or(0, |(who, _)| free(who));
            let taken = slash(job.provider, amount, beneficiary);
            assert_eq!(taken, amount, "a job's exposure is there to be slashed");
            crate::Pallet::<Test>::release(&job.provider, job.version, job.exposure, outcome);
            let paid = beneficiary.map_or(0, |(who, _)| free(who)) - before;
            assert!(paid <= beneficiary.map_or(0, |(_, reward)| reward));
            return taken - paid;
        }
        Action::ToggleVersion(version) => match VersionRegister::get().get(&version) {
            // Jobs keep their version from being removed.
            Some(false) => set_version(version, true),
            Some(true) if jobs.iter().all(|job| job.version != version) => remove_version(version),
            Some(true) => {}
            None => set_version(version, false),
        },
        Action::Skip(blocks) => skip(blocks),
    }
    0
}

/// Ends all jobs and lets every provider leave.
fn leave(jobs: &mut Vec<Job>) {
    for job in jobs.drain(..) {
        let outcome = ProviderOutcome::Released;
        crate::Pallet::<Test>::release(&job.provider, job.version, job.exposure, outcome);
    }
    skip(UnbondingPeriod::get());
    for who in crate::Providers::<Test>::iter_keys().collect::<Vec<_>>() {
        for version in crate::OffersOf::<Test>::get(who) {
            assert!(dispatch(who, crate::Call::remove_offer { version }));
        }
        dispatch(who, crate::Call::withdraw {});
        let bonded = crate::Providers::<Test>::get(who).map_or(0, |record| record.bonded);
        if bonded > 0 {
            assert!(dispatch(who, crate::Call::unbond { amount: bonded }));
        }
    }
    skip(UnbondingPeriod::get());
    for who in crate::Providers::<Test>::iter_keys().collect::<Vec<_>>() {
        assert!(dispatch(who, crate::Call::deregister {}));
    }
}

proptest! {
    #[test]
    fn books_balance_after_every_action_and_everyone_can_leave(
        actions in proptest::collection::vec(action(), 1..200)
    ) {
        let ext = (1..=4u64).fold(ExtBuilder::default(), |ext, who| ext.provider(who, who * 1_000).offer(who, 1, 1));
        ext.build_and_execute(|| {
            let issuance = Balances::total_issuance();
            let mut burned = 0;
            let mut jobs = Vec::new();
            for action in actions {
                burned += take(action, &mut jobs);
                assert_ok!(Providers::do_try_state());
                assert_eq!(Balances::total_issuance(), issuance - burned);
                let open = crate::Providers::<Test>::iter_values().map(|record| record.jobs).sum::<u32>();
                assert_eq!(open as usize, jobs.len());
            }
            leave(&mut jobs);
            assert_eq!(crate::Providers::<Test>::iter().count(), 0);
            assert_eq!(crate::ProviderOf::<Test>::iter().count(), 0);
            assert_eq!(crate::Offers::<Test>::iter().count(), 0);
            assert_eq!(crate::OffersOf::<Test>::iter().count(), 0);
            assert!((1..=ACCOUNTS).all(|who| held_bond(who) == 0 && held_deposits(who) == 0));
            assert_eq!(Balances::total_issuance(), issuance - burned);
        });
    }
}
