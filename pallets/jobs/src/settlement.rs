//! Settlement: how jobs end and who gets what.
//!
//! Nothing here can fail. A share whose receiver cannot take it, because its account does not exist
//! and the share is below the existential deposit, goes to the protocol; what not even the protocol
//! can take is burnt. Either way it is accounted for.

use crate::{types::*, Agenda, Config, Event, HoldReason, Inputs, Jobs, Outputs, Pallet, Receipts};
use assay_engine::trace::{shown_key, NodeId};
use assay_primitives::{JobId, JobOutcome, OnJobEnd, Price, ProviderOutcome, Providers, Versions};
use frame_support::{
    storage::with_storage_layer,
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
};
use sp_runtime::traits::{Saturating, Zero};

const LOG: &str = "runtime::jobs";

impl<T: Config> Pallet<T> {
    /// Ends a job whose claim stands.
    pub(crate) fn finalize(
        id: JobId,
        job: JobOf<T>,
        provider: T::AccountId,
        price: Price<BalanceOf<T>>,
        claim: ClaimSummary,
    ) {
        let outcome = JobOutcome::from(claim.ending);
        let payment = price.total(claim.steps).min(job.max_fee);
        let settlement = Self::settle(&job, &provider, payment, outcome);
        T::Providers::release(&provider, job.version, job.exposure, ProviderOutcome::Completed);
        Self::deposit_event(Event::Finalized {
            job: id,
            outcome,
            provider: provider.clone(),
            settlement,
        });
        let retained = Self::after(Self::now().saturating_add(job.terms.retention));
        if outcome == JobOutcome::Answered {
            Agenda::<T>::insert(retained, id, ());
        }
        let claim = FinalClaim {
            provider,
            steps: claim.steps,
            trace_root: claim.trace_root,
            output_hash: claim.output_hash,
        };
        let paid = job.max_fee.saturating_sub(settlement.refunded);
        Self::close(id, job, outcome, paid, Some(claim));
    }

    /// Ends a job without an answer and gives the whole escrow back.
    pub(crate) fn end_unanswered(id: JobId, job: JobOf<T>, outcome: JobOutcome) {
        let settlement = Self::refund(&job.requester, job.max_fee);
        let event = match outcome {
            JobOutcome::Cancelled => Event::Cancelled { job: id, settlement },
            _ => Event::Expired { job: id, settlement },
        };
        Self::deposit_event(event);
        let paid = job.max_fee.saturating_sub(settlement.refunded);
        Self::close(id, job, outcome, paid, None);
    }

    /// Ends a job whose claim nobody can check: the whole escrow goes back, and nobody is at fault.
    pub(crate) fn end_unverifiable(id: JobId, job: JobOf<T>, provider: T::AccountId) {
        Outputs::<T>::remove(id);
        T::Providers::release(&provider, job.version, job.exposure, ProviderOutcome::Released);
        Self::deposit_event(Event::Unverifiable { job: id, provider });
        Self::end_unanswered(id, job, JobOutcome::Expired);
    }

    /// Removes the output of a finished job, and from the nodes' off-chain databases what they have of its trace.
    pub(crate) fn prune_output(id: JobId) {
        if !Outputs::<T>::contains_key(id) {
            return;
        }
        Outputs::<T>::remove(id);
        if let Some(claim) = Receipts::<T>::get(id).and_then(|receipt| receipt.claim) {
            let root = NodeId::root(claim.steps);
            sp_io::offchain_index::clear(&shown_key(claim.steps, root, &claim.trace_root.0));
        }
        Self::deposit_event(Event::OutputPruned { job: id });
    }

    /// Removes what an open job has in state, leaves the receipt and tells who listens.
    fn close(
        id: JobId,
        job: JobOf<T>,
        outcome: JobOutcome,
        paid: BalanceOf<T>,
        claim: Option<FinalClaim<T::AccountId>>,
    ) {
        Jobs::<T>::remove(id);
        Inputs::<T>::remove(id);
        Self::return_held(HoldReason::Storage, &job.requester, job.deposit);
        T::Versions::release(job.version);
        Receipts::<T>::insert(
            id,
            Receipt {
                requester: job.requester.clone(),
                version: job.version,
                input_hash: job.input_hash,
                outcome,
                paid,
                finished_at: Self::now(),
                claim,
            },
        );
        let output = match outcome {
            JobOutcome::Answered => Outputs::<T>::get(id).unwrap_or_default(),
            _ => Output::default(),
        };
        T::OnJobEnd::on_job_end(id, &job.requester, outcome, &output);
    }

    /// Divides the escrow of `job`: `payment` among provider, owner and protocol, the rest back.
    fn settle(
        job: &JobOf<T>,
        provider: &T::AccountId,
        payment: BalanceOf<T>,
        outcome: JobOutcome,
    ) -> Settlement<BalanceOf<T>> {
        let protocol = job.terms.protocol_share.mul_floor(payment);
        let after_protocol = payment.saturating_sub(protocol);
        let version = T::Versions::terms(job.version).filter(|_| outcome == JobOutcome::Answered);
        let royalty = version
            .as_ref()
            .map_or(Zero::zero(), |version| version.royalty.mul_floor(payment))
            .min(after_protocol);

        let mut settlement = Settlement::<BalanceOf<T>>::default();
        let mut pay = |to: &T::AccountId, amount| {
            let paid = Self::pay(HoldReason::Escrow, &job.requester, to, amount);
            settlement.protocol = settlement.protocol.saturating_add(paid.protocol);
            settlement.burnt = settlement.burnt.saturating_add(paid.burnt);
            paid.to
        };
        let to_provider = pay(provider, after_protocol.saturating_sub(royalty));
        let to_owner = version.map_or(Zero::zero(), |version| pay(&version.owner, royalty));
        let to_protocol = pay(&T::ProtocolAccount::get(), protocol);
        settlement.provider = to_provider;
        settlement.royalty = to_owner;
        settlement.protocol = settlement.protocol.saturating_add(to_protocol);

        let rest = Self::refund(&job.requester, job.max_fee.saturating_sub(payment));
        settlement.refunded = rest.refunded;
        settlement.protocol = settlement.protocol.saturating_add(rest.protocol);
        settlement.burnt = settlement.burnt.saturating_add(rest.burnt);
        settlement
    }

    /// Gives `amount` of the escrow back to `who`.
    fn refund(who: &T::AccountId, amount: BalanceOf<T>) -> Settlement<BalanceOf<T>> {
        let paid = Self::return_held(HoldReason::Escrow, who, amount);
        Settlement {
            refunded: paid.to,
            protocol: paid.protocol,
            burnt: paid.burnt,
            ..Default::default()
        }
    }

    fn return_held(reason: HoldReason, who: &T::AccountId, amount: BalanceOf<T>) -> Paid<BalanceOf<T>> {
        let released =
            with_storage_layer(|| T::Fungible::release(&reason.into(), who, amount, Precision::Exact));
        match released {
            Ok(to) => Paid {
                to,
                ..Default::default()
            },
            Err(_) => Self::pay(reason, who, who, amount),
        }
    }

    /// Moves `amount` that `from` has on hold to `to`, or else to the protocol, or else burns it.
    fn pay(
        reason: HoldReason,
        from: &T::AccountId,
        to: &T::AccountId,
        amount: BalanceOf<T>,
    ) -> Paid<BalanceOf<T>> {
        if amount.is_zero() {
            return Paid::default();
        }
        let transfer = |to: &T::AccountId| {
            with_storage_layer(|| {
                T::Fungible::transfer_on_hold(
                    &reason.into(),
                    from,
                    to,
                    amount,
                    Precision::Exact,
                    Restriction::Free,
                    Fortitude::Force,
                )
            })
        };
        if let Ok(to) = transfer(to) {
            return Paid {
                to,
                ..Default::default()
            };
        }
        if let Ok(protocol) = transfer(&T::ProtocolAccount::get()) {
            return Paid {
                protocol,
                ..Default::default()
            };
        }
        let burnt = with_storage_layer(|| {
            T::Fungible::burn_held(
                &reason.into(),
                from,
                amount,
                Precision::BestEffort,
                Fortitude::Force,
            )
        })
        .unwrap_or_default();
        if burnt < amount {
            log::error!(target: LOG, "{:?} of {from:?} is {amount:?} short by {:?}", reason, amount.saturating_sub(burnt));
        }
        Paid {
            burnt,
            ..Default::default()
        }
    }
}

/// Where one share went.
#[derive(Default)]
struct Paid<Balance> {
    to: Balance,
    protocol: Balance,
    burnt: Balance,
}
