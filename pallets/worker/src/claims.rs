//! The open claims that concern the node: its own, and those of others that it watches.

use crate::{
    account::{account_of, own_providers},
    record::read,
    task::Task,
    Config,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use assay_engine::{
    fraud::Trace,
    limits::{ENGINE_VERSION, MAX_PUBLIC_STEPS},
    trace::{shown_key, NodeId, TraceId},
    Hash,
};
use assay_primitives::{worker_key::WorkerId, ClaimId, JobId, VersionId};
use codec::Encode;
use frame_system::pallet_prelude::BlockNumberFor;
use pallet_disputes::{DisputedClaimOf, RevealState};
use pallet_jobs::{JobOf, JobState};
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
    /// Blocks that are left for a challenge.
    pub left: BlockNumberFor<T>,
    pub is_own: bool,
    /// The key that challenges.
    pub worker: WorkerId,
    /// Whether its account can spend the bond.
    pub can_bond: bool,
}

/// The claims of the node's own providers, and those of others that it has challenged or that are of versions that it
/// serves. Those come first whose time for a challenge ends first.
pub(crate) fn open_claims<T: Config>(workers: &[WorkerId]) -> Vec<OpenClaim<T>> {
    let keys = Keys::<T>::new(workers);
    let mut claims = pallet_jobs::Jobs::<T>::iter()
        .filter_map(|(job, record)| keys.open_claim(job, &record))
        .collect::<Vec<_>>();
    claims.sort_by_key(|claim| claim.left);
    claims
}

/// The node's keys, and what it watches with them.
struct Keys<'a, T: Config> {
    workers: &'a [WorkerId],
    /// Those of its own providers.
    own: BTreeMap<T::AccountId, &'a WorkerId>,
    /// The versions that its providers offer. `None`, all, for a node that has a key and no provider.
    served: Option<BTreeSet<VersionId>>,
    share: Perbill,
}

impl<'a, T: Config> Keys<'a, T> {
    fn new(workers: &'a [WorkerId]) -> Self {
        let own = own_providers::<T>(workers);
        let offers = own.keys().flat_map(pallet_providers::OffersOf::<T>::get);
        let served = (!own.is_empty()).then(|| offers.collect());
        Self {
            workers,
            own,
            served,
            share: watched_share(),
        }
    }

    /// The claim of `job`, if the node defends or watches it.
    fn open_claim(&self, job: JobId, record: &JobOf<T>) -> Option<OpenClaim<T>> {
        let JobState::Claimed {
            provider, window_end, ..
        } = &record.state
        else {
            return None;
        };
        let attempt = u8::try_from(record.tried.len()).ok()?;
        let id = ClaimId { job, attempt };
        let claim = pallet_disputes::Pallet::<T>::disputed(id).ok()?;
        let own = self.own.get(provider).copied();
        let concerns = match own {
            // A trace that is public whole needs no defence.
            Some(_) => claim.steps > MAX_PUBLIC_STEPS,
            None => self.watches(id, &claim),
        };
        if !concerns {
            return None;
        }
        let worker = own.or_else(|| self.challenger(id, &claim))?;
        let now = frame_system::Pallet::<T>::block_number();
        let left = window_end.saturating_sub(now);
        let passed = record.terms.challenge_window.saturating_sub(left);
        Some(OpenClaim {
            id,
            trace: Trace {
                id: TraceId {
                    author: provider.clone().into(),
                    job,
                },
                steps: claim.steps,
                root: claim.trace_root.0,
            },
            in_window: now <= *window_end,
            is_late: passed > left,
            left,
            is_own: own.is_some(),
            can_bond: can_bond::<T>(&claim, worker),
            worker: worker.clone(),
            task: Task::new(job, provider.clone(), record, claim.engine_version),
        })
    }

    /// Whether the node watches another's claim. One that it has challenged it does not leave, whatever it serves by then.
    fn watches(&self, id: ClaimId, claim: &DisputedClaimOf<T>) -> bool {
        let serves = || {
            let served = self.served.as_ref();
            served.is_none_or(|served| served.contains(&claim.version)) && is_chosen(id, self.share)
        };
        let has_challenged = || self.workers.iter().any(|worker| has_challenged::<T>(id, worker));
        // What another version of the engine ran is not for this one to compare.
        claim.engine_version == ENGINE_VERSION && (serves() || has_challenged())
    }

    /// The key that challenges a claim: the one that has, or one that can, or one that can prove at least. Those of
    /// providers come first.
    fn challenger(&self, id: ClaimId, claim: &DisputedClaimOf<T>) -> Option<&'a WorkerId> {
        let workers = self.own.values().copied().chain(self.workers);
        let pays = |worker: &&WorkerId| frame_system::Pallet::<T>::account_exists(&account_of(worker));
        let find = |fits: &dyn Fn(&&'a WorkerId) -> bool| workers.clone().find(fits);
        find(&|worker| has_challenged::<T>(id, worker))
            .or_else(|| find(&|worker| can_bond::<T>(claim, worker)))
            .or_else(|| find(&pays))
            .or_else(|| find(&|_| true))
    }
}

fn has_challenged<T: Config>(id: ClaimId, worker: &WorkerId) -> bool {
    pallet_disputes::Challenges::<T>::contains_key(id, account_of(worker))
}

fn can_bond<T: Config>(claim: &DisputedClaimOf<T>, worker: &WorkerId) -> bool {
    pallet_disputes::Pallet::<T>::can_bond(claim, &account_of(worker))
}

fn watched_share() -> Perbill {
    read(WATCHED_SHARE).unwrap_or(Perbill::one())
}

/// Whether a claim is among the share that the node watches: another share for each node, and nobody else
/// knows which before.
pub(crate) fn is_chosen(id: ClaimId, share: Perbill) -> bool {
    if share == Perbill::one() || share.is_zero() {
        return !share.is_zero();
    }
    let secret = read::<[u8; 32]>(SECRET).unwrap_or_else(|| {
        let secret = sp_io::offchain::random_seed();
        StorageValueRef::persistent(SECRET).set(&secret);
        secret
    });
    let hash = (id, secret).using_encoded(blake2_256);
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

    /// What was shown of the trace below `node`, whose hash is `hash`: with the claim, or by a reveal.
    pub fn shown(&self, node: NodeId, hash: &Hash) -> Option<Vec<Hash>> {
        read(&shown_key(self.trace.steps, node, hash))
    }
}
