//! Whom the node's worker keys belong to: each has an account, which bonds challenges and pays for their moves, and may have a provider.

use alloc::collections::BTreeMap;
use assay_primitives::worker_key::WorkerId;
use frame_system::offchain::AppCrypto;
use sp_core::sr25519;
use sp_runtime::{traits::IdentifyAccount, AccountId32, MultiSignature, MultiSigner};

/// Signs transactions of the account whose key is a worker key.
pub struct WorkerAccount;

impl AppCrypto<MultiSigner, MultiSignature> for WorkerAccount {
    type RuntimeAppPublic = WorkerId;
    type GenericPublic = sr25519::Public;
    type GenericSignature = sr25519::Signature;
}

/// The key as transactions name it.
pub(crate) fn signer_of(worker: &WorkerId) -> MultiSigner {
    MultiSigner::from(sr25519::Public::from(worker.clone()))
}

/// The account whose key is `worker`.
pub(crate) fn account_of(worker: &WorkerId) -> AccountId32 {
    signer_of(worker).into_account()
}

/// The providers whose keys the node has, with their keys.
pub(crate) fn own_providers<T: pallet_providers::Config>(
    workers: &[WorkerId],
) -> BTreeMap<T::AccountId, &WorkerId> {
    let own = workers.iter().filter_map(|worker| {
        let provider = pallet_providers::ProviderOf::<T>::get(worker)?;
        Some((provider, worker))
    });
    own.collect()
}
