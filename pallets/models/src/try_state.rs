//! What holds between any two calls.

use crate::*;
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_core::H256;
use sp_runtime::{
    traits::{Saturating, Zero},
    TryRuntimeError,
};

impl<T: Config> Pallet<T> {
    /// Checks that
    ///
    /// 1. what is held of each account is the sum of its deposits, for each reason;
    /// 2. every record has its second half: code, metadata, details;
    /// 3. ids are below the next one;
    /// 4. the counts of references are right, and what is referred to exists;
    /// 5. a model's list names exactly its versions;
    /// 6. no count of uses is zero or without its version;
    /// 7. requests for chunks are of versions with external params, one for each chunk.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        Self::try_state_deposits()?;
        Self::try_state_programs()?;
        Self::try_state_params()?;
        Self::try_state_models()?;
        Self::try_state_versions()
    }

    fn try_state_deposits() -> Result<(), TryRuntimeError> {
        let programs = Programs::<T>::iter_values().map(|record| (record.owner, record.deposit));
        Self::try_state_held(HoldReason::Program, programs)?;
        let params = Params::<T>::iter_values().map(|record| (record.owner, record.deposit));
        Self::try_state_held(HoldReason::Params, params)?;
        let models = Models::<T>::iter_values().map(|record| (record.deposit.who, record.deposit.amount));
        Self::try_state_held(HoldReason::Model, models)?;
        let versions = Versions::<T>::iter_values().map(|record| (record.deposit.who, record.deposit.amount));
        Self::try_state_held(HoldReason::Version, versions)?;
        let requests = ChunkRequests::<T>::iter_values().flatten();
        let bonds = requests.filter_map(|request| Some((request.by, request.bond?)));
        Self::try_state_held(HoldReason::ChunkRequest, bonds)
    }

    fn try_state_held(
        reason: HoldReason,
        deposits: impl Iterator<Item = (T::AccountId, BalanceOf<T>)>,
    ) -> Result<(), TryRuntimeError> {
        let mut sums = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
        for (who, amount) in deposits {
            let sum = sums.entry(who).or_default();
            *sum = sum.saturating_add(amount);
        }
        let reason = reason.into();
        for who in frame_system::Account::<T>::iter_keys() {
            let sum = sums.remove(&who).unwrap_or_default();
            let held = T::Currency::balance_on_hold(&reason, &who);
            ensure!(held == sum, "the balance on hold is not the sum of the deposits");
        }
        ensure!(
            sums.values().all(Zero::is_zero),
            "an account with deposits does not exist"
        );
        Ok(())
    }

    fn try_state_programs() -> Result<(), TryRuntimeError> {
        let mut refs = BTreeMap::<H256, u32>::new();
        for version in Versions::<T>::iter_values() {
            let count = refs.entry(version.program).or_default();
            *count = count.saturating_add(1);
        }
        let codes = ProgramCode::<T>::iter_keys().collect::<BTreeSet<_>>();
        let programs = Programs::<T>::iter_keys().collect::<BTreeSet<_>>();
        ensure!(codes == programs, "programs and their code differ");
        for (hash, record) in Programs::<T>::iter() {
            let code = ProgramCode::<T>::get(hash).ok_or("a program has no code")?;
            ensure!(
                usize::try_from(record.len) == Ok(code.len()),
                "a program's length is wrong"
            );
            let program = assay_engine::Program::from_checked(code.into_inner());
            ensure!(
                H256(program.hash()) == hash,
                "a program is stored under another hash"
            );
            let count = refs.remove(&hash).unwrap_or_default();
            ensure!(record.refs == count, "a program's count of versions is wrong");
        }
        ensure!(refs.is_empty(), "a version's program does not exist");
        Ok(())
    }

    fn try_state_params() -> Result<(), TryRuntimeError> {
        let mut refs = BTreeMap::<u32, u32>::new();
        for version in Versions::<T>::iter_values() {
            let Some(params) = version.params else { continue };
            let count = refs.entry(params).or_default();
            *count = count.saturating_add(1);
            let record = Params::<T>::get(params).ok_or("a version's params do not exist")?;
            ensure!(
                record.status
                    == ParamsStatus::Complete {
                        root: version.params_root
                    },
                "a version's params are incomplete or have another root"
            );
            ensure!(
                record.len == version.params_len,
                "a version's params have another length"
            );
        }
        for (params, record) in Params::<T>::iter() {
            ensure!(
                params < NextParams::<T>::get(),
                "an id of params is not given out yet"
            );
            let count = refs.remove(&params).unwrap_or_default();
            ensure!(
                record.refs == count,
                "the count of versions of some params is wrong"
            );
            if let ParamsStatus::Uploading { frontier, .. } = record.status {
                ensure!(
                    frontier.segments() < segment_count(record.len),
                    "an upload is not marked complete"
                );
            }
        }
        Ok(())
    }

    fn try_state_models() -> Result<(), TryRuntimeError> {
        let models = Models::<T>::iter_keys().collect::<BTreeSet<_>>();
        let metadata = Metadata::<T>::iter_keys().collect::<BTreeSet<_>>();
        ensure!(models == metadata, "models and their metadata differ");
        ensure!(
            models.iter().all(|model| *model < NextModel::<T>::get()),
            "an id of a model is not given out yet"
        );
        let mut listed = BTreeMap::new();
        for (model, versions) in ModelVersions::<T>::iter() {
            ensure!(!versions.is_empty(), "an empty list of versions is stored");
            for version in versions {
                ensure!(
                    listed.insert(version, model).is_none(),
                    "a version is listed twice"
                );
            }
        }
        let published = Versions::<T>::iter().map(|(version, record)| (version, record.model));
        ensure!(
            listed == published.collect(),
            "the lists of versions and the versions differ"
        );
        ensure!(
            listed.values().all(|model| models.contains(model)),
            "a version's model does not exist"
        );
        Ok(())
    }

    fn try_state_versions() -> Result<(), TryRuntimeError> {
        let versions = Versions::<T>::iter_keys().collect::<BTreeSet<_>>();
        let details = Details::<T>::iter_keys().collect::<BTreeSet<_>>();
        ensure!(versions == details, "versions and their details differ");
        ensure!(
            versions.iter().all(|version| *version < NextVersion::<T>::get()),
            "an id of a version is not given out yet"
        );
        for (version, requests) in ChunkRequests::<T>::iter() {
            let record =
                Versions::<T>::get(version).ok_or("a version of which a chunk is asked does not exist")?;
            ensure!(record.params.is_none(), "a chunk of uploaded params is asked for");
            let chunks = requests
                .iter()
                .map(|request| request.chunk)
                .collect::<BTreeSet<_>>();
            ensure!(
                !requests.is_empty() && chunks.len() == requests.len(),
                "an entry of requests is empty, or has a chunk twice"
            );
        }
        for (version, uses) in Uses::<T>::iter() {
            ensure!(uses > 0, "a count of uses is zero");
            ensure!(
                versions.contains(&version),
                "a version that jobs use does not exist"
            );
        }
        Ok(())
    }
}
