//! Benchmarks of every call and of what `jobs` calls.

use super::*;
use assay_primitives::{
    worker_key::{WorkerId, WorkerSignature},
    AssignmentRequest, Price, ProviderOutcome, Providers as _, VersionId, Versions,
};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
    assert_ok,
    traits::{
        fungible::{Inspect, InspectHold, Mutate},
        Get,
    },
    BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_application_crypto::RuntimeAppPublic;
use sp_core::{sr25519, H256};
use sp_runtime::traits::{Bounded, Saturating, Zero};

/// The stake that the benchmarks expose to a job.
fn exposure<T: Config>() -> BalanceOf<T> {
    T::MinBond::get()
}

/// A price that every fee covers.
fn free_of_charge<T: Config>() -> Price<BalanceOf<T>> {
    Price {
        per_job: Zero::zero(),
        per_step: Zero::zero(),
    }
}

/// An account that can pay for `bond`, deposits and what it does besides.
fn fund<T: Config>(who: &T::AccountId, bond: BalanceOf<T>) {
    let offers = T::OfferDeposit::get().saturating_mul(T::MaxOffersPerProvider::get().into());
    let spare = T::Currency::minimum_balance().saturating_mul(1_000u32.into());
    let balance = T::Currency::balance(who);
    T::Currency::set_balance(
        who,
        balance
            .saturating_add(bond)
            .saturating_add(offers)
            .saturating_add(spare),
    );
}

/// A key that nobody has the secret of.
fn numbered_worker(version: VersionId, index: u32) -> WorkerId {
    let bytes = (b"assay-benchmark-worker", version, index).using_encoded(sp_io::hashing::blake2_256);
    sr25519::Public::from_raw(bytes).into()
}

/// A key in the benchmark's keystore, and its proof for `who`.
fn worker_with_proof<T: Config>(who: &T::AccountId) -> (WorkerId, WorkerSignature) {
    let worker = WorkerId::generate_pair(None);
    // The one that takes two verifications.
    let proof = worker
        .sign(&Pallet::<T>::wrapped_worker_proof_message(who))
        .unwrap();
    (worker, proof)
}

/// Registers `who` unless it is, adds stake for a thousand jobs, and offers `version`.
pub(crate) fn provider_with_offer<T: Config>(
    who: &T::AccountId,
    worker: WorkerId,
    version: VersionId,
    exposure: BalanceOf<T>,
) {
    let bond = T::MinBond::get().saturating_add(exposure.saturating_mul(1_000u32.into()));
    fund::<T>(who, bond);
    if Providers::<T>::contains_key(who) {
        assert_ok!(Pallet::<T>::do_bond_more(who.clone(), bond));
    } else {
        assert_ok!(Pallet::<T>::insert_provider(who.clone(), worker, bond));
    }
    let record = Providers::<T>::get(who).unwrap();
    assert!(Pallet::<T>::place_offer(who.clone(), &record, version, free_of_charge::<T>(), u16::MAX).is_ok());
}

/// Offers `version` by new providers until it has `count` offers. Each has as many chunks
/// unbonding as it may have.
pub(crate) fn fill_offers<T: Config>(version: VersionId, count: u32, exposure: BalanceOf<T>) {
    let taken = Offers::<T>::decode_len(version).unwrap_or(0) as u32;
    for index in taken..count {
        let who: T::AccountId = account("provider", index, version);
        provider_with_offer::<T>(&who, numbered_worker(version, index), version, exposure);
        fill_unbonding::<T>(&who, T::MaxUnbonding::get());
    }
}

/// Adds `count` chunks to the stake of `who` that unbond in blocks to come.
pub(crate) fn fill_unbonding<T: Config>(who: &T::AccountId, count: u32) {
    let amount = T::Currency::minimum_balance();
    let total = amount.saturating_mul(count.into());
    fund::<T>(who, total);
    let mut record = Providers::<T>::get(who).unwrap();
    assert_ok!(Pallet::<T>::add_bond(who, &mut record, total));
    record.bonded = record.bonded.saturating_sub(total);
    let chunks = (1..=count).map(|index| UnbondingChunk {
        amount,
        unlocks_at: index.into(),
    });
    record.unbonding = BoundedVec::truncate_from(chunks.collect());
    Providers::<T>::insert(who, record);
}

/// A provider of a new version.
fn provider_and_version<T: Config>() -> (T::AccountId, VersionId) {
    let version = new_version::<T>();
    let who: T::AccountId = whitelisted_caller();
    provider_with_offer::<T>(&who, numbered_worker(version, u32::MAX), version, exposure::<T>());
    (who, version)
}

/// A provider without offers.
fn provider<T: Config>() -> T::AccountId {
    let (who, version) = provider_and_version::<T>();
    assert_ok!(Pallet::<T>::do_remove_offer(who.clone(), version));
    who
}

fn new_version<T: Config>() -> VersionId {
    T::Versions::benchmark_version(&account("owner", 0, 0), 1, 1)
}

fn request<T: Config>(version: VersionId) -> AssignmentRequest<'static, T::AccountId, BalanceOf<T>> {
    AssignmentRequest {
        version,
        steps: 1,
        max_price: free_of_charge::<T>(),
        exposure_factor: 0,
        min_exposure: exposure::<T>(),
        named: None,
        excluded: &[],
        seed: H256::repeat_byte(7),
    }
}

/// Unbonds the whole stake in as many chunks as there may be, and goes to a block in which all of
/// them can be withdrawn.
fn unbond_all<T: Config>(who: &T::AccountId) {
    fill_unbonding::<T>(who, T::MaxUnbonding::get().saturating_sub(1));
    let bonded = Providers::<T>::get(who).unwrap().bonded;
    assert_ok!(Pallet::<T>::do_unbond(who.clone(), bonded));
    frame_system::Pallet::<T>::set_block_number(
        BlockNumberFor::<T>::from(T::MaxUnbonding::get()).saturating_add(T::UnbondingPeriod::get()),
    );
}

#[benchmarks]
mod benches {
    use super::*;

    #[benchmark]
    fn register() {
        let who: T::AccountId = whitelisted_caller();
        let bond = T::MinBond::get();
        fund::<T>(&who, bond);
        let (worker, proof) = worker_with_proof::<T>(&who);

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), worker.clone(), bond, proof);

        assert_eq!(ProviderOf::<T>::get(worker), Some(who));
    }

    #[benchmark]
    fn set_worker() {
        let who = provider::<T>();
        let (worker, proof) = worker_with_proof::<T>(&who);

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), worker.clone(), proof);

        assert_eq!(ProviderOf::<T>::get(worker), Some(who));
    }

    #[benchmark]
    fn deregister() {
        let who = provider::<T>();
        unbond_all::<T>(&who);

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()));

        assert!(!Providers::<T>::contains_key(who));
    }

    #[benchmark]
    fn bond_more() {
        let who = provider::<T>();
        let amount = T::MinBond::get();
        fund::<T>(&who, amount);
        let before = Providers::<T>::get(&who).unwrap().bonded;

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), amount);

        assert_eq!(
            Providers::<T>::get(who).unwrap().bonded,
            before.saturating_add(amount)
        );
    }

    #[benchmark]
    fn unbond() {
        let (who, _) = provider_and_version::<T>();
        fill_unbonding::<T>(&who, T::MaxUnbonding::get().saturating_sub(1));
        let amount = T::Currency::minimum_balance();

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), amount);

        assert_eq!(
            Providers::<T>::get(who).unwrap().unbonding.len() as u32,
            T::MaxUnbonding::get()
        );
    }

    #[benchmark]
    fn withdraw() {
        let who = provider::<T>();
        unbond_all::<T>(&who);

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()));

        assert!(!Providers::<T>::contains_key(who));
    }

    #[benchmark]
    fn set_offer() {
        let version = new_version::<T>();
        let who = provider::<T>();
        fill_offers::<T>(
            version,
            T::MaxOffersPerVersion::get().saturating_sub(1),
            exposure::<T>(),
        );

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), version, free_of_charge::<T>(), 1);

        assert_eq!(OffersOf::<T>::get(who).into_inner(), [version]);
    }

    #[benchmark]
    fn set_offer_evicting() {
        let version = new_version::<T>();
        let who = provider::<T>();
        fill_offers::<T>(version, T::MaxOffersPerVersion::get(), exposure::<T>());
        let more = exposure::<T>();
        fund::<T>(&who, more);
        assert_ok!(Pallet::<T>::do_bond_more(who.clone(), more));

        #[extrinsic_call]
        set_offer(RawOrigin::Signed(who.clone()), version, free_of_charge::<T>(), 1);

        assert_eq!(OffersOf::<T>::get(who).into_inner(), [version]);
    }

    #[benchmark]
    fn remove_offer() {
        let (who, version) = provider_and_version::<T>();
        fill_offers::<T>(version, T::MaxOffersPerVersion::get(), exposure::<T>());

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), version);

        assert!(!OffersOf::<T>::contains_key(who));
    }

    #[benchmark]
    fn remove_stale_offer() {
        // No registry gives out the last id.
        let version = VersionId::MAX;
        fill_offers::<T>(version, T::MaxOffersPerVersion::get(), exposure::<T>());
        let provider: T::AccountId = account("provider", 0, version);
        let caller: T::AccountId = whitelisted_caller();

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), version, provider.clone());

        assert!(!OffersOf::<T>::contains_key(provider));
    }

    #[benchmark]
    fn pause() {
        let who = provider::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()));

        assert_eq!(Providers::<T>::get(who).unwrap().status, Status::Paused);
    }

    #[benchmark]
    fn resume() {
        let who = provider::<T>();
        assert_ok!(Pallet::<T>::do_pause(who.clone()));

        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()));

        assert_eq!(Providers::<T>::get(who).unwrap().status, Status::Active);
    }

    /// Chooses among `n` providers that all fit.
    #[benchmark]
    fn assign(n: Linear<1, { T::MaxOffersPerVersion::get() }>) {
        let version = new_version::<T>();
        fill_offers::<T>(version, n, exposure::<T>());
        let request = request::<T>(version);
        let assignment;

        #[block]
        {
            assignment = Pallet::<T>::assign(&request);
        }

        let provider = assignment.unwrap().provider;
        assert_eq!(Providers::<T>::get(provider).unwrap().jobs, 1);
    }

    /// Ends the job that suspends the provider.
    #[benchmark]
    fn release() {
        let (who, version) = provider_and_version::<T>();
        fill_offers::<T>(version, T::MaxOffersPerVersion::get(), exposure::<T>());
        fill_unbonding::<T>(&who, T::MaxUnbonding::get());
        let request = AssignmentRequest {
            named: Some(&who),
            ..request::<T>(version)
        };
        assert!(Pallet::<T>::assign(&request).is_some());
        Providers::<T>::mutate_extant(&who, |record| {
            record.strikes = T::MaxStrikes::get().saturating_sub(1)
        });

        #[block]
        {
            Pallet::<T>::release(&who, version, exposure::<T>(), ProviderOutcome::TimedOut);
        }

        assert_eq!(Providers::<T>::get(who).unwrap().status, Status::Suspended);
    }

    /// Takes a whole stake with `u` chunks, and pays a part of it to an account that is new.
    #[benchmark]
    fn slash(u: Linear<0, { T::MaxUnbonding::get() }>) {
        let (who, _) = provider_and_version::<T>();
        fill_unbonding::<T>(&who, u);
        let stake = Providers::<T>::get(&who).unwrap().stake();
        let reward = T::Currency::minimum_balance();
        let beneficiary: T::AccountId = account("beneficiary", 0, 0);

        #[block]
        {
            Pallet::<T>::slash(&who, stake, Some((&beneficiary, reward)));
        }

        assert!(Providers::<T>::get(&who).unwrap().stake().is_zero());
        assert!(T::Currency::balance_on_hold(&HoldReason::Bond.into(), &who).is_zero());
        assert_eq!(T::Currency::balance(&beneficiary), reward);
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::benchmark_ext(), crate::mock::Test);
}
