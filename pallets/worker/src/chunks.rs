//! Shows chunks of external params that somebody asked for. Where nobody does, whoever ran the version is not paid, and it is
//! frozen.

use crate::{
    account::own_providers,
    reason::Reason,
    record::{lock, shown_lock_key, Shown},
    server::{Server, WAIT},
    task::{params_of, source_of, Outcome},
    Config, Pallet, LOG_TARGET,
};
use alloc::{collections::BTreeMap, vec::Vec};
use assay_engine::{limits::ENGINE_VERSION, memory::Proof};
use assay_primitives::{worker_key::WorkerId, VersionId};
use assay_service::{Ask, Question, Reply, Run};
use pallet_jobs::JobState;
use sp_core::offchain::Timestamp;
use sp_io::offchain::timestamp;

/// The most chunks that are shown in a block.
const MOST: usize = 16;

impl<T: Config> Pallet<T> {
    /// Shows what is asked for of versions that the node's providers offer, or have claimed to have run.
    pub(crate) fn show_chunks(workers: &[WorkerId], end: Timestamp) {
        let Some(server) = Server::configured() else {
            return;
        };
        let key = shown_lock_key();
        let mut lock = lock(&key);
        let Ok(mut guard) = lock.try_lock() else {
            return;
        };
        let asked = Self::asked_chunks(workers);
        let mut shown = Shown::of(asked.iter().map(|(chunk, _)| *chunk).collect());
        let due = asked.into_iter().filter(|(chunk, _)| shown.may_show(*chunk));
        for ((version, chunk), worker) in due.take(MOST).collect::<Vec<_>>() {
            if timestamp() >= end || guard.extend_lock().is_err() {
                return;
            }
            shown.note((version, chunk));
            match Self::show_chunk(&server, &worker, version, chunk, end) {
                Ok(()) => {
                    log::info!(target: LOG_TARGET, "version {version}: showing chunk {chunk} of its params")
                }
                Err(reason) => {
                    log::warn!(target: LOG_TARGET, "version {version}: chunk {chunk} of its params is not shown: {reason}")
                }
            }
        }
    }

    /// The chunks that are asked for, with the key whose provider is to show them. What is to be shown first comes first, and
    /// what is overdue last.
    fn asked_chunks(workers: &[WorkerId]) -> Vec<((VersionId, u32), WorkerId)> {
        let now = frame_system::Pallet::<T>::block_number();
        let own = own_providers::<T>(workers);
        let mut versions = BTreeMap::new();
        for (provider, worker) in &own {
            let offers = pallet_providers::OffersOf::<T>::get(provider);
            versions.extend(offers.into_iter().map(|version| (version, *worker)));
        }
        for job in pallet_jobs::Jobs::<T>::iter_values() {
            if let JobState::Claimed { provider, .. } = &job.state {
                let worker = own.get(provider);
                versions.extend(worker.map(|worker| (job.version, *worker)));
            }
        }
        let asked = versions.into_iter().flat_map(|(version, worker)| {
            let requests = pallet_models::ChunkRequests::<T>::get(version).into_iter();
            requests.map(move |request| {
                let order = (request.is_overdue(now), request.until);
                (order, (version, request.chunk), worker.clone())
            })
        });
        let mut asked = asked.collect::<Vec<_>>();
        asked.sort_by_key(|(order, chunk, _)| (*order, *chunk));
        asked
            .into_iter()
            .map(|(_, chunk, worker)| (chunk, worker))
            .collect()
    }

    fn show_chunk(
        server: &Server,
        worker: &WorkerId,
        version: VersionId,
        chunk: u32,
        end: Timestamp,
    ) -> Result<(), Reason> {
        let record = pallet_models::Versions::<T>::get(version).ok_or(Reason::VersionNotFound(version))?;
        let ask = Ask {
            run: Run {
                engine: ENGINE_VERSION,
                program: record.program.0,
                params: params_of::<T>(&record),
                input: Vec::new(),
                max_steps: 0,
            },
            source: source_of::<T>(version, &record),
            question: Question::Chunk { chunk },
            wait: WAIT,
        };
        let proof = match server.ask::<T>(&ask, record.params, end, || true)? {
            Outcome::Done(Reply::Chunk(proof)) => proof,
            Outcome::Done(_) => return Err(Reason::ServerWrong),
            Outcome::Later => return Err(Reason::ServerBusy),
        };
        // Who shows something else pays a fee.
        if pallet_models::shows(Proof::clone(&proof), chunk) != Some(record.params_root.0) {
            return Err(Reason::ServerWrong);
        }
        let call = pallet_models::Call::<T>::show_chunk {
            version,
            chunk,
            proof,
        };
        Self::submit_signed(worker, call)
    }
}
