//! Transactions, from the worker into the node's pool.

use crate::{account::signer_of, reason::Reason, Config, Pallet, WorkerAccount};
use alloc::vec;
use assay_primitives::worker_key::WorkerId;
use frame_system::offchain::{
    CreateAuthorizedTransaction, CreateSignedTransaction, CreateTransactionBase, SendSignedTransaction,
    Signer, SubmitTransaction,
};

impl<T: Config> Pallet<T> {
    /// Submits a call that is authorized by what it carries.
    pub(crate) fn submit_authorized<Call>(call: Call) -> Result<(), Reason>
    where
        T: CreateAuthorizedTransaction<Call>,
        Call: Into<<T as CreateTransactionBase<Call>>::RuntimeCall>,
    {
        let transaction =
            <T as CreateAuthorizedTransaction<Call>>::create_authorized_transaction(call.into());
        SubmitTransaction::<T, Call>::submit_transaction(transaction).map_err(|_| Reason::NotSubmitted)
    }

    /// Submits a call of the account whose key is `worker`.
    pub(crate) fn submit_signed<Call>(worker: &WorkerId, call: Call) -> Result<(), Reason>
    where
        T: CreateSignedTransaction<Call>,
        Call: Clone + Into<<T as CreateTransactionBase<Call>>::RuntimeCall>,
    {
        let signer = Signer::<T, WorkerAccount>::any_account().with_filter(vec![signer_of(worker)]);
        match signer.send_signed_transaction(|_| call.clone()) {
            Some((_, Ok(()))) => Ok(()),
            Some((_, Err(()))) => Err(Reason::NotSubmitted),
            None => Err(Reason::NoSignature),
        }
    }
}
