//! Jobs that their provider gives back.

use crate::{rejection::Rejection, types::*, AssignedTo, Config, Error, Event, Jobs, Pallet};
use assay_primitives::{worker_key::WorkerSignature, JobId, ProviderOutcome, Providers, Versions};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::TransactionSource, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_io::hashing::blake2_256;
use sp_runtime::{
    traits::Zero, transaction_validity::TransactionValidityWithRefund, DispatchResult, RuntimeAppPublic,
};

/// A job that can be given back.
struct Declined<T: Config> {
    job: JobOf<T>,
    provider: T::AccountId,
    deadline: BlockNumberFor<T>,
}

impl<T: Config> Pallet<T> {
    /// What a worker key signs to give back `job`, which the provider never gets again: the hash of
    /// `(b"assay:decline", genesis hash, job)`.
    pub fn decline_payload(job: JobId) -> [u8; 32] {
        let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
        (b"assay:decline", genesis, job).using_encoded(blake2_256)
    }

    fn check_decline(id: JobId, signature: &WorkerSignature) -> Result<Declined<T>, Rejection> {
        let job = Jobs::<T>::get(id).ok_or(Rejection::NotFound)?;
        let JobState::Assigned {
            provider, deadline, ..
        } = job.state.clone()
        else {
            return Err(Rejection::NotAssigned);
        };
        ensure!(Self::now() <= deadline, Rejection::DeadlinePassed);
        let version = T::Versions::terms(job.version).ok_or(Rejection::VersionNotFound)?;
        ensure!(!version.params_on_chain, Rejection::ParamsOnChain);
        let worker = T::Providers::worker(&provider).ok_or(Rejection::WorkerNotFound)?;
        ensure!(
            worker.verify(&Self::decline_payload(id), signature),
            Rejection::BadSignature
        );
        Ok(Declined {
            job,
            provider,
            deadline,
        })
    }

    pub(crate) fn authorize_decline(
        _source: TransactionSource,
        id: &JobId,
        signature: &WorkerSignature,
    ) -> TransactionValidityWithRefund {
        let Declined { deadline, .. } = Self::check_decline(*id, signature)?;
        Ok((Self::valid_by(*id, deadline), Weight::zero()))
    }

    pub(crate) fn do_decline(id: JobId, signature: &WorkerSignature) -> DispatchResult {
        let Declined { job, provider, .. } = Self::check_decline(id, signature).map_err(Error::<T>::from)?;
        Self::unschedule(id, &job);
        AssignedTo::<T>::remove(&provider, id);
        T::Providers::release(&provider, job.version, job.exposure, ProviderOutcome::Declined);
        Self::deposit_event(Event::Declined {
            job: id,
            provider: provider.clone(),
        });
        Self::retry_without(id, job, provider, Self::now());
        Ok(())
    }
}
