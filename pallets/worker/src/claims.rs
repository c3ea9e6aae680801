//! The open claims that concern the node: its own, and those of others that it watches.

use crate::{account::account_of, record::read, task::Task, Config};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use assay_engine::{
    fraud::Trace,
    limits::{ENGINE_VERSION, MAX_PUBLIC_STEPS},
    trace::{NodeId, TraceId},
    Hash,
};
use assay_primitives::{shown_key, worker_key::WorkerId, ClaimId, Claims, VersionId};
use codec::Encode;
use pallet_disputes::RevealState;
use pallet_jobs::JobState;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{offchain::storage::StorageValueRef, traits::Saturating, Perbill};

/// The key in the node's off-chain database of the share of claims that it watches: an encoded `Perbill`.
/// All, where there is none.
pub const WATCHED_SHARE: &[u8] = b"assay:watched-share";

/// A claim that can be disputed.
pub(crate) struct OpenClaim<T: Config> {
    pub id: ClaimId,
    pub task: Task<T>,
    pub trace: Trace,
    /// Whether a challenge is in time.
    pub in_window: bool,
    /// Whether more than half of the time for a challenge has passed.
    pub is_late: bool,
    pub is_own: bool,
    /// The key that challenges.
    pub worker: WorkerId,
}

/// The claims of the node's own providers, and those of others of versions that it serves.
pub(crate) fn open_claims<T: Config>(workers: &[WorkerId]) -> Vec<OpenClaim<T>> {
    // One that can pay for a dispute, and of a provider, where there is one.
    let Some(watcher) = workers.iter().max_by_key(|worker| {
        let pays = frame_system::Pallet::<T>::account_exists(&account_of(worker));
        (pays, pallet_providers::ProviderOf::<T>::contains_key(worker))
    }) else {
        return Vec::new();
    };
    let providers = workers.iter().filter_map(|worker| {
        let provider = pallet_providers::ProviderOf::<T>::get(worker)?;
        Some((provider, worker))
    });
    let own = providers.collect::<BTreeMap<_, _>>();
    let served = served_versions::<T>(own.keys());
    let share = watched_share();
    let now = frame_system::Pallet::<T>::block_number();
    pallet_jobs::Jobs::<T>::iter()
        .filter_map(|(job, record)| {
            let JobState::Claimed {
                provider, window_end, ..
            } = record.state.clone()
            else {
                return None;
            };
            let attempt = u8::try_from(record.tried.len()).ok()?;
            let id = ClaimId { job, attempt };
            let claim = pallet_jobs::Pallet::<T>::disputed(id)?;
            let worker = own.get(&provider).copied();
            // A trace that is public whole needs no defence.
            let defends = worker.is_some() && claim.steps > MAX_PUBLIC_STEPS;
            // What another version of the engine ran is not for this one to compare.
            let watches = worker.is_none()
                && claim.engine_version == ENGINE_VERSION
                && served
                    .as_ref()
                    .is_none_or(|served| served.contains(&record.version))
                && is_chosen(id, watcher, share);
            let left = window_end.saturating_sub(now);
            let passed = record.terms.challenge_window.saturating_sub(left);
            (defends || watches).then(|| OpenClaim {
                id,
                trace: Trace {
                    id: TraceId {
                        author: provider.clone().into(),
                        job,
                    },
                    steps: claim.steps,
                    root: claim.trace_root.0,
                },
                in_window: now <= window_end,
                is_late: passed > left,
                is_own: worker.is_some(),
                worker: worker.unwrap_or(watcher).clone(),
                task: Task::new(job, provider, &record, claim.engine_version),
            })
        })
        .collect()
}

/// The versions that the providers offer. `None`, all, for a node that has a key and no provider.
fn served_versions<'a, T: Config>(
    providers: impl Iterator<Item = &'a T::AccountId>,
) -> Option<BTreeSet<VersionId>> {
    let mut providers = providers.peekable();
    providers.peek()?;
    let offers = providers.flat_map(pallet_providers::OffersOf::<T>::get);
    Some(offers.collect())
}

fn watched_share() -> Perbill {
    read(WATCHED_SHARE).unwrap_or(Perbill::one())
}

/// Whether a claim is among the share that `worker` watches: another share for each key, and nobody else
/// knows which before.
fn is_chosen(id: ClaimId, worker: &WorkerId, share: Perbill) -> bool {
    if share == Perbill::one() || share.is_zero() {
        return !share.is_zero();
    }
    let secret = read::<[u8; 32]>(SECRET).unwrap_or_else(|| {
        let secret = sp_io::offchain::random_seed();
        StorageValueRef::persistent(SECRET).set(&secret);
        secret
    });
    let hash = (id, worker, secret).using_encoded(blake2_256);
    let [a, b, c, d, ..] = hash;
    Perbill::from_rational(u32::from_le_bytes([a, b, c, d]), u32::MAX) < share
}

/// What the choice of watched claims depends on, so that nobody can tell which they are.
const SECRET: &[u8] = b"assay:watched-secret";

impl<T: Config> OpenClaim<T> {
    /// The challenger's account.
    pub fn account(&self) -> T::AccountId {
        account_of(&self.worker)
    }

    /// Whether everybody was shown what is below `node`, with the claim or by a reveal.
    pub fn is_shown(&self, node: NodeId) -> bool {
        let reveal = || pallet_disputes::Reveals::<T>::get(self.id, node);
        self.trace.steps <= MAX_PUBLIC_STEPS
            || reveal().is_some_and(|reveal| matches!(reveal.state, RevealState::Shown { .. }))
    }

    /// What was shown of the trace below the node with `hash`: with the claim, or by a reveal.
    pub fn shown(&self, hash: &Hash) -> Option<Vec<Hash>> {
        read(&shown_key(&H256(*hash)))
    }
}
