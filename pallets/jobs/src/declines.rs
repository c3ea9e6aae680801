//! Jobs that their provider gives back.

use crate::{claims::Assigned, rejection::Rejection, AssignedTo, Config, Error, Event, Pallet};
use assay_primitives::{worker_key::WorkerSignature, JobId, ProviderOutcome, Providers, Versions};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::TransactionSource, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_io::hashing::blake2_256;
use sp_runtime::{traits::Zero, transaction_validity::TransactionValidityWithRefund, DispatchResult};

impl<T: Config> Pallet<T> {
    /// What a worker key signs to give back `job`, which the provider never gets again: the hash of
    /// `(b"assay:decline", genesis hash, job)`.
    pub fn decline_payload(job: JobId) -> [u8; 32] {
        let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
        (b"assay:decline", genesis, job).using_encoded(blake2_256)
    }

    fn check_decline(id: JobId, signature: &WorkerSignature) -> Result<Assigned<T>, Rejection> {
        let assigned = Self::assigned(id)?;
        let version = T::Versions::terms(assigned.job.version).ok_or(Rejection::VersionNotFound)?;
        ensure!(!version.params_on_chain, Rejection::ParamsOnChain);
        Self::check_signature(&assigned.provider, &Self::decline_payload(id), signature)?;
        Ok(assigned)
    }

    pub(crate) fn authorize_decline(
        _source: TransactionSource,
        id: &JobId,
        signature: &WorkerSignature,
    ) -> TransactionValidityWithRefund {
        let Assigned { deadline, .. } = Self::check_decline(*id, signature)?;
        Ok((Self::valid_by(*id, deadline), Weight::zero()))
    }

    pub(crate) fn do_decline(id: JobId, signature: &WorkerSignature) -> DispatchResult {
        let Assigned { job, provider, .. } = Self::check_decline(id, signature).map_err(Error::<T>::from)?;
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
