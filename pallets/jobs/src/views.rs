//! What clients and workers ask.

use crate::{types::*, AssignedTo, Config, Jobs, Outputs, Pallet, Parameters, Receipts};
use alloc::vec::Vec;
use assay_primitives::{Awaited, JobId, Providers, VersionId, VersionTerms, Versions};

/// The most entries of a list that a view returns.
pub const MAX_LISTED: usize = 1024;

impl<T: Config> Pallet<T> {
    /// What the providers that take jobs now ask for `version`, or what `provider` asks, cheapest
    /// first. Empty where there is no such version or nobody takes it now.
    pub fn quote(version: VersionId, provider: Option<T::AccountId>) -> Vec<QuoteOf<T>> {
        let takes_jobs = |terms: &VersionTerms<_>| {
            !terms.deprecated && T::Versions::awaited(version, Self::now()) != Awaited::Missing
        };
        let Some(terms) = T::Versions::terms(version).filter(takes_jobs) else {
            return Vec::new();
        };
        let parameters = Parameters::<T>::get();
        let mut quotes = Self::quotes(version, &terms, &parameters, provider.as_ref()).collect::<Vec<_>>();
        quotes.sort_by_key(|quote| quote.max);
        quotes
    }

    /// The same in no order, by the `terms` of `version` and `parameters`.
    pub(crate) fn quotes<'a>(
        version: VersionId,
        terms: &'a VersionTerms<T::AccountId>,
        parameters: &'a ParametersOf<T>,
        provider: Option<&'a T::AccountId>,
    ) -> impl Iterator<Item = QuoteOf<T>> + 'a {
        T::Providers::offers(version)
            .into_iter()
            .filter(move |offer| provider.is_none_or(|provider| *provider == offer.provider))
            .filter_map(move |offer| {
                let max = offer.price.total(terms.max_steps);
                let exposure = parameters.exposure(max);
                (exposure <= offer.free_stake).then(|| Quote {
                    provider: offer.provider,
                    price: offer.price,
                    max,
                    exposure,
                    deposit: parameters.deposit(terms.input_len),
                })
            })
    }

    /// All about `id`, open or finished. `None` where there never was such a job.
    pub fn job_info(id: JobId) -> Option<JobInfoOf<T>> {
        let output = || Outputs::<T>::get(id).map(Output::into_inner);
        match Jobs::<T>::get(id) {
            Some(job) => Some(Self::open_info(job, output)),
            None => Receipts::<T>::get(id).map(|receipt| Self::final_info(receipt, output)),
        }
    }

    fn open_info(job: JobOf<T>, output: impl FnOnce() -> Option<Vec<u8>>) -> JobInfoOf<T> {
        let failed = Self::attempt(&job);
        let mut info = JobInfo {
            status: JobStatus::Queued,
            requester: job.requester,
            version: job.version,
            input_hash: job.input_hash,
            provider: None,
            attempts: Some(failed),
            until: None,
            max_fee: Some(job.max_fee),
            paid: None,
            steps: None,
            ending: None,
            trace_root: None,
            output_hash: None,
            output: None,
            finished_at: None,
        };
        match job.state {
            JobState::Queued { until } => info.until = Some(until),
            JobState::Assigned {
                provider, deadline, ..
            } => {
                info.status = JobStatus::Assigned;
                info.provider = Some(provider);
                info.attempts = Some(failed.saturating_add(1));
                info.until = Some(deadline);
            }
            JobState::Claimed {
                provider,
                price,
                claim,
                window_end,
                holds,
            } => {
                info.status = if holds == 0 {
                    JobStatus::Pending
                } else {
                    JobStatus::Challenged
                };
                info.provider = Some(provider);
                info.attempts = Some(failed.saturating_add(1));
                info.until = (holds == 0).then_some(window_end);
                info.paid = Some(price.total(claim.steps).min(job.max_fee));
                info.steps = Some(claim.steps);
                info.ending = Some(claim.ending);
                info.trace_root = Some(claim.trace_root);
                info.output_hash = Some(claim.output_hash);
                info.output = output();
            }
        }
        info
    }

    fn final_info(receipt: ReceiptOf<T>, output: impl FnOnce() -> Option<Vec<u8>>) -> JobInfoOf<T> {
        let claim = receipt.claim;
        JobInfo {
            status: JobStatus::Final(receipt.outcome),
            requester: receipt.requester,
            version: receipt.version,
            input_hash: receipt.input_hash,
            attempts: None,
            until: None,
            max_fee: None,
            paid: Some(receipt.paid),
            ending: None,
            steps: claim.as_ref().map(|claim| claim.steps),
            trace_root: claim.as_ref().map(|claim| claim.trace_root),
            output_hash: claim.as_ref().map(|claim| claim.output_hash),
            provider: claim.map(|claim| claim.provider),
            output: output(),
            finished_at: Some(receipt.finished_at),
        }
    }

    /// The jobs that wait for a claim by `provider`, at most [`MAX_LISTED`].
    pub fn assigned_to(provider: &T::AccountId) -> Vec<JobId> {
        AssignedTo::<T>::iter_key_prefix(provider)
            .take(MAX_LISTED)
            .collect()
    }
}
