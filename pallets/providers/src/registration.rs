//! Who is a provider, and which key signs for it.

use crate::*;
use alloc::vec::Vec;
use assay_primitives::worker_key::{WorkerId, WorkerSignature};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::traits::Zero;

/// Wallets wrap the bytes that they are asked to sign, so that they never sign a transaction unknowingly.
const WRAPPER: (&[u8], &[u8]) = (b"<Bytes>", b"</Bytes>");

/// Separates the proof from everything else that a worker key signs.
const PROOF_CONTEXT: &[u8; 14] = b"assay-register";

impl<T: Config> Pallet<T> {
    /// What a worker key signs to agree that it works for `provider`: the SCALE encoding of the
    /// 14 bytes `assay-register`, the genesis hash and the account.
    pub fn worker_proof_message(provider: &T::AccountId) -> Vec<u8> {
        let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
        (PROOF_CONTEXT, genesis, provider).encode()
    }

    /// The same as a wallet signs it.
    pub fn wrapped_worker_proof_message(provider: &T::AccountId) -> Vec<u8> {
        [WRAPPER.0, &Self::worker_proof_message(provider), WRAPPER.1].concat()
    }

    pub(crate) fn do_register(
        who: T::AccountId,
        worker: WorkerId,
        bond: BalanceOf<T>,
        proof: WorkerSignature,
    ) -> DispatchResult {
        ensure!(!Providers::<T>::contains_key(&who), Error::<T>::AlreadyRegistered);
        ensure!(bond >= T::MinBond::get(), Error::<T>::BondTooLow);
        Self::ensure_worker_agrees(&who, &worker, &proof)?;
        Self::insert_provider(who, worker, bond)
    }

    /// Registers without a look at the proof.
    pub(crate) fn insert_provider(who: T::AccountId, worker: WorkerId, bond: BalanceOf<T>) -> DispatchResult {
        let mut record = Provider::new(worker.clone(), frame_system::Pallet::<T>::block_number());
        Self::add_bond(&who, &mut record, bond)?;
        Providers::<T>::insert(&who, record);
        ProviderOf::<T>::insert(&worker, &who);
        Self::deposit_event(Event::Registered {
            provider: who,
            worker,
            bond,
        });
        Ok(())
    }

    pub(crate) fn do_set_worker(
        who: T::AccountId,
        worker: WorkerId,
        proof: WorkerSignature,
    ) -> DispatchResult {
        let mut record = Self::record(&who)?;
        Self::ensure_worker_agrees(&who, &worker, &proof)?;
        ProviderOf::<T>::remove(&record.worker);
        ProviderOf::<T>::insert(&worker, &who);
        record.worker = worker.clone();
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::WorkerSet {
            provider: who,
            worker,
        });
        Ok(())
    }

    pub(crate) fn do_deregister(who: T::AccountId) -> DispatchResult {
        let mut record = Self::record(&who)?;
        ensure!(record.jobs == 0, Error::<T>::HasJobs);
        ensure!(
            OffersOf::<T>::decode_len(&who).unwrap_or(0) == 0,
            Error::<T>::HasOffers
        );
        Self::release_matured(&who, &mut record)?;
        ensure!(record.stake().is_zero(), Error::<T>::HasStake);
        Self::delete_provider(who, &record);
        Ok(())
    }

    /// Forgets a provider without stake, offers and jobs.
    pub(crate) fn delete_provider(who: T::AccountId, record: &Provider<T>) {
        ProviderOf::<T>::remove(&record.worker);
        Providers::<T>::remove(&who);
        Self::deposit_event(Event::Deregistered { provider: who });
    }

    pub(crate) fn do_pause(who: T::AccountId) -> DispatchResult {
        let mut record = Self::record(&who)?;
        ensure!(record.status == Status::Active, Error::<T>::AlreadyPaused);
        record.status = Status::Paused;
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::Paused { provider: who });
        Ok(())
    }

    pub(crate) fn do_resume(who: T::AccountId) -> DispatchResult {
        let mut record = Self::record(&who)?;
        ensure!(record.status != Status::Active, Error::<T>::NotPaused);
        record.status = Status::Active;
        record.strikes = 0;
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::Resumed { provider: who });
        Ok(())
    }

    /// The provider `who`.
    pub(crate) fn record(who: &T::AccountId) -> Result<Provider<T>, Error<T>> {
        Providers::<T>::get(who).ok_or(Error::<T>::NotRegistered)
    }

    fn ensure_worker_agrees(
        who: &T::AccountId,
        worker: &WorkerId,
        proof: &WorkerSignature,
    ) -> Result<(), Error<T>> {
        ensure!(!ProviderOf::<T>::contains_key(worker), Error::<T>::WorkerTaken);
        ensure!(
            worker.verify(&Self::worker_proof_message(who), proof)
                || worker.verify(&Self::wrapped_worker_proof_message(who), proof),
            Error::<T>::InvalidProof
        );
        Ok(())
    }
}
